using EtcdNet.StateMachine.Mvcc.Index;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>Hashing, and filling the store from a checkpoint or a leader's snapshot.</summary>
public sealed partial class MvccStore
{
    /// <summary>Hash of the key space at a revision (0: now), the number etcd gives. Any thread.</summary>
    /// <exception cref="Errors.EtcdException">Compacted, FutureRev.</exception>
    public KvHashResult Hash(long revision) => new KvHash(this, _records).Hash(revision);

    /// <summary>Builds the index from the records of a checkpoint.</summary>
    internal void Load(StateImage image, long compactRevision, IRecordSource source)
    {
        var builder = new IndexBuilder(image.Revision, image.FinishedCompactRevision, image.RecordCount);
        source.Scan(builder.Add);
        Index.Load(builder.Build(this));
        if (builder.RecordCount != image.RecordCount || builder.RecordCrcSum != image.RecordCrcSum)
        {
            throw new StateDamagedException(
                $"{builder.RecordCount} live records with checksum sum {builder.RecordCrcSum:x16} were found, "
                + $"{image.RecordCount} with {image.RecordCrcSum:x16} were written");
        }
        RecordCount = image.RecordCount;
        RecordCrcSum = image.RecordCrcSum;
        WorkingRevision = image.Revision;
        WorkingCompactRevision = compactRevision;
        Changed();
    }

    /// <summary>Goes on from another store that nothing was written to since it was loaded. Its records are in the backend already.</summary>
    internal void Adopt(MvccStore other)
    {
        PruneQueue.Clear();
        foreach (KeyHistory item in other.PruneQueue)
            PruneQueue.Enqueue(item);
        IsPruning = false;
        Index.Load(other.Index.Root);
        (RecordCount, RecordCrcSum) = (other.RecordCount, other.RecordCrcSum);
        (WorkingRevision, WorkingCompactRevision) = (other.WorkingRevision, other.WorkingCompactRevision);
        Changed();
    }
}
