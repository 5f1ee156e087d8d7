using System.Buffers.Binary;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc.Index;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>A hash of the key space.</summary>
/// <param name="Hash">CRC-32C.</param>
/// <param name="Revision">Revision that was hashed.</param>
/// <param name="CompactRevision">Compact revision at that time; −1 for none.</param>
/// <param name="CurrentRevision">Revision of the view that was hashed.</param>
public readonly record struct KvHashResult(uint Hash, long Revision, long CompactRevision, long CurrentRevision);

/// <summary>
/// The number that etcd 3.6 gives for HashKV: CRC-32C over the word "key" and then, in revision order, the 17-byte
/// revision key (18 with the tombstone mark) and the stored bytes of every row that counts. Rows up to the compact
/// revision count only when they are the newest of a key that exists at the hashed revision, so the number does not
/// depend on how far the physical compaction has come.
/// </summary>
internal sealed class KvHash(MvccStore store, RecordReader records)
{
    /// <summary>Hashes everything up to a revision (0: the newest). Any thread.</summary>
    /// <exception cref="EtcdException">Compacted, FutureRev.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public KvHashResult Hash(long revision, CancellationToken cancellation)
    {
        while (true)
        {
            ReadView view = store.View;
            if (revision > 0 && revision < view.CompactRevision)
                throw EtcdError.Compacted.ToException();
            if (revision > view.CurrentRevision)
                throw EtcdError.FutureRev.ToException();
            long at = revision == 0 ? view.CurrentRevision : revision;
            if (TryHash(view, at, cancellation, out uint hash))
                return new KvHashResult(hash, at, view.CompactRevision, view.CurrentRevision);
        }
    }

    /// <summary>Hashes a revision of a view whose past is pinned.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public uint Hash(ReadView view, long revision, CancellationToken cancellation)
    {
        try
        {
            return Sum(CollectRows(view, revision), cancellation);
        }
        catch (RecordMissingException missing)
        {
            throw new BackendDamagedException(missing.Revision, $"it is missing (hashed at revision {revision})");
        }
    }

    /// <returns>False when a compaction was applied meanwhile: the number belongs to none of both.</returns>
    private bool TryHash(ReadView view, long revision, CancellationToken cancellation, out uint hash)
    {
        List<Row> rows = CollectRows(view, revision);
        try
        {
            hash = Sum(rows, cancellation);
        }
        catch (RecordMissingException missing)
        {
            hash = 0;
            if (store.View.CompactRevision == view.CompactRevision)
                throw store.Explain(missing, revision);
        }
        return store.View.CompactRevision == view.CompactRevision;
    }

    private uint Sum(List<Row> rows, CancellationToken cancellation)
    {
        var crc = new Crc32C();
        crc.Add("key"u8);
        Span<byte> rowKey = stackalloc byte[18];
        rowKey[8] = (byte)'_';
        rowKey[17] = (byte)'t';
        using var buffer = new RecordBuffer();
        foreach (Row row in rows)
        {
            cancellation.ThrowIfCancellationRequested();
            BinaryPrimitives.WriteInt64BigEndian(rowKey, row.Revision.Main);
            BinaryPrimitives.WriteInt64BigEndian(rowKey[9..], row.Revision.Sub);
            crc.Add(row.IsTombstone ? rowKey : rowKey[..17]);
            buffer.Clear();
            records.ReadBytes(row.Revision, row.IsTombstone, buffer);
            crc.Add(buffer.WrittenSpan);
        }
        return crc.Value;
    }

    private static List<Row> CollectRows(ReadView view, long revision)
    {
        var collector = new Collector(revision, view.CompactRevision);
        IndexReader.Visit(view.Root, KeyRange.All, ref collector);
        List<Row> rows = collector.Rows;
        // etcd skips old rows by a set of those to keep; when that set is empty it skips none.
        if (collector.AnyKept)
            rows.RemoveAll(row => row.OnlyIfNothingKept);
        rows.Sort(static (left, right) => left.Revision.CompareTo(right.Revision));
        return rows;
    }

    private readonly record struct Row(Revision Revision, bool IsTombstone, bool OnlyIfNothingKept);

    private struct Collector(long revision, long compactRevision) : IKeyVisitor
    {
        public List<Row> Rows { get; } = [];

        public bool AnyKept { get; private set; }

        public bool Visit(KeyHistory item)
        {
            KeyHistory.VersionList versions = item.Versions;
            int newest = versions.LastAtOrBefore(revision);
            if (newest < 0)
                return true;
            bool lives = !versions[newest].IsTombstone;
            AnyKept |= lives;
            // What a finished compaction would have removed does not count, removed or not.
            for (int i = KeyHistory.PrunableAt(versions, compactRevision); i <= newest; i++)
            {
                KeyVersion version = versions[i];
                bool isOld = version.Main <= compactRevision;
                if (isOld && version.IsTombstone && version.Main == compactRevision)
                    continue;
                Rows.Add(new Row(version.Revision, version.IsTombstone, isOld && !(lives && i == newest)));
            }
            return true;
        }
    }
}
