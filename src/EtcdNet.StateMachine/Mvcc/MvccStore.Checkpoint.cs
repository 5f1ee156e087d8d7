using EtcdNet.StateMachine.Mvcc.Index;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>Hashing, and filling the store from a checkpoint or a leader's snapshot.</summary>
public sealed partial class MvccStore
{
    private int _adoptions;

    /// <summary>Hash of the key space at a revision (0: now), the number etcd gives. Any thread.</summary>
    /// <exception cref="Errors.EtcdException">Compacted, FutureRev.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public KvHashResult Hash(long revision, CancellationToken cancellation = default) =>
        revision > 0 && Hashes.Find(revision) is { } kept
            ? kept with { CurrentRevision = CurrentRevision }
            : new KvHash(this, _records).Hash(revision, cancellation);

    /// <summary>Hashes of compactions, for those whose past is gone.</summary>
    public CompactionHashes Hashes { get; } = new();

    /// <summary>How often a leader's state took the place of this one.</summary>
    internal int Adoptions => Volatile.Read(ref _adoptions);

    /// <summary>
    /// Hashes a revision of a view by the rule of a compact revision, whose records are all still there, unless a leader's state has taken
    /// the place of what is hashed since.
    /// </summary>
    internal void KeepHash(ReadView view, int adoptions, long revision, long compactRevision, CancellationToken cancellation)
    {
        Invariant.Check(view.CurrentRevision >= revision);
        try
        {
            uint hash = new KvHash(this, _records).Hash(new ReadView(view.Root, view.CurrentRevision, compactRevision), revision, cancellation);
            if (Adoptions == adoptions)
                Hashes.Add(new KvHashResult(hash, revision, compactRevision, view.CurrentRevision));
        }
        catch (BackendDamagedException) when (Adoptions != adoptions)
        {
            // A leader's snapshot took the place of the state; what is missing in it was compacted.
        }
    }

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
        PrunedTo = image.FinishedCompactRevision == 0 ? -1 : image.FinishedCompactRevision;
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
        (WorkingRevision, WorkingCompactRevision, PrunedTo) = (other.WorkingRevision, other.WorkingCompactRevision, other.PrunedTo);
        _scheduled.Clear();
        Interlocked.Increment(ref _adoptions);
        Changed();
    }
}
