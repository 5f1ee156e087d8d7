using EtcdNet.StateMachine.Errors;

namespace EtcdNet.StateMachine.Mvcc.Index;

/// <summary>
/// Makes the index from records in any order. Records are kept as small structs, chained by key; when all are there each
/// key's chain is put in order, cleared of what comes twice or is dead, and becomes a history.
/// </summary>
internal sealed class IndexBuilder(long currentRevision, long finishedCompactRevision, long expectedRecords)
{
    private const int LargestFirstRoom = 1 << 24;

    private readonly Dictionary<byte[], int> _keyNumbers = new(BytesComparer.Instance);
    private readonly List<byte[]> _keys = [];
    private readonly List<int> _newestOfKey = [];
    private readonly List<Row> _rows = new((int)Math.Clamp(expectedRecords, 0, LargestFirstRoom));
    private readonly Dictionary<int, long> _leases = [];
    private readonly List<int> _chain = [];

    /// <summary>Live records found.</summary>
    public long RecordCount { get; private set; }

    /// <summary>Sum of their checksums.</summary>
    public ulong RecordCrcSum { get; private set; }

    /// <summary>Takes a record of a scan.</summary>
    public void Add(Revision revision, RecordInfo info, ReadOnlySpan<byte> keyValue)
    {
        if (!RecordCodec.TryDecode(keyValue, out RecordFields fields) || fields.Key.IsEmpty)
            throw new BackendDamagedException(revision, "it is no KeyValue");
        if (!info.Tombstone && (fields.ModRevision != revision.Main || fields.Version <= 0 || fields.CreateRevision <= 0))
            throw new BackendDamagedException(revision, "it says that it belongs elsewhere");
        if (revision.Main > currentRevision)
            throw new StateDamagedException($"record {revision} is newer than the checkpoint's revision {currentRevision}");
        int number = KeyNumber(fields.Key);
        var packed = default(PackedVersion);
        KeyVersion version = info.Tombstone
            ? new KeyVersion(revision.Main, revision.Sub, 0, 0, false)
            : new KeyVersion(revision.Main, revision.Sub, fields.CreateRevision, fields.Version, fields.Lease != 0, keyValue.Length);
        packed.SetRest(version);
        packed.MainAndSize = PackedVersion.PackMain(version);
        if (fields.Lease != 0)
            _leases[_rows.Count] = fields.Lease;
        _rows.Add(new Row(packed, info.Crc, _newestOfKey[number]));
        _newestOfKey[number] = _rows.Count - 1;
    }

    /// <summary>The tree; leases get their keys back and the store's prune queue is filled.</summary>
    public IndexNode Build(MvccStore store)
    {
        var histories = new List<KeyHistory>(_keys.Count);
        for (int number = 0; number < _keys.Count; number++)
        {
            if (BuildHistory(_keys[number], _newestOfKey[number], store) is { } history)
                histories.Add(history);
        }
        _keyNumbers.Clear();
        _rows.Clear();
        KeyHistory[] sorted = [.. histories];
        KeySort.Sort(sorted, 0);
        return BuildTree(sorted);
    }

    private int KeyNumber(ReadOnlySpan<byte> key)
    {
        var lookup = _keyNumbers.GetAlternateLookup<ReadOnlySpan<byte>>();
        if (lookup.TryGetValue(key, out int number))
            return number;
        byte[] own = key.ToArray();
        number = _keys.Count;
        _keys.Add(own);
        _keyNumbers.Add(own, number);
        _newestOfKey.Add(-1);
        return number;
    }

    private KeyHistory? BuildHistory(byte[] key, int newest, MvccStore store)
    {
        CollectChain(newest);
        int dead = DeadInChain();
        KeyHistory? history = null;
        for (int i = dead; i < _chain.Count; i++)
        {
            Row row = _rows[_chain[i]];
            KeyVersion version = row.Version;
            if (history is null)
                history = new KeyHistory(key, version);
            else
                history.Append(version);
            RecordCount++;
            RecordCrcSum += row.Crc;
        }
        if (history is null)
            return null;
        if (history.Last.HasLease)
            Attach(store, _leases[_chain[^1]], key);
        store.QueueForPruning(history);
        return history;
    }

    /// <summary>The rows of a key, oldest first, each once.</summary>
    private void CollectChain(int newest)
    {
        _chain.Clear();
        bool ordered = true;
        for (int row = newest; row >= 0; row = _rows[row].Next)
        {
            ordered &= _chain.Count == 0 || _rows[row].Version.Revision < _rows[_chain[^1]].Version.Revision;
            _chain.Add(row);
        }
        if (ordered)
        {
            _chain.Reverse();
            return;
        }
        _chain.Sort((left, right) => _rows[left].Version.Revision.CompareTo(_rows[right].Version.Revision));
        int kept = 0;
        for (int i = 0; i < _chain.Count; i++)
        {
            if (kept == 0 || _rows[_chain[i]].Version.Revision != _rows[_chain[kept - 1]].Version.Revision)
                _chain[kept++] = _chain[i];
        }
        _chain.RemoveRange(kept, _chain.Count - kept);
    }

    /// <summary>How many of the chain the finished compaction removed: the rule of <see cref="KeyHistory.PrunableAt(int)"/>.</summary>
    private int DeadInChain()
    {
        int newest = _chain.Count - 1;
        while (newest >= 0 && _rows[_chain[newest]].Version.Main > finishedCompactRevision)
            newest--;
        if (newest < 0)
            return 0;
        KeyVersion version = _rows[_chain[newest]].Version;
        return version.IsTombstone && version.Main < finishedCompactRevision ? newest + 1 : newest;
    }

    private static void Attach(MvccStore store, long lease, byte[] key)
    {
        try
        {
            store.Leases.Attach(lease, key);
        }
        catch (EtcdException)
        {
            throw new StateDamagedException($"a key hangs on lease {lease:x16}, which is not there");
        }
    }

    private static IndexNode BuildTree(KeyHistory[] sorted)
    {
        if (sorted.Length == 0)
            return new LeafNode();
        List<(IndexNode Node, byte[] Lower)> level = [];
        const int fill = IndexNode.Capacity * 7 / 8;
        for (int from = 0; from < sorted.Length; from += fill)
        {
            var leaf = new LeafNode { Items = sorted.AsSpan(from, Math.Min(fill, sorted.Length - from)).ToArray() };
            leaf.Count = leaf.Items.Length;
            foreach (KeyHistory item in leaf.Items)
            {
                KeyVersion last = item.Last;
                leaf.Live += last.IsTombstone ? 0 : 1;
                leaf.LastChange = Math.Max(leaf.LastChange, last.IsTombstone ? last.Main : last.Create);
            }
            level.Add((leaf, sorted[from].Key));
        }
        while (level.Count > 1)
        {
            List<(IndexNode Node, byte[] Lower)> upper = [];
            foreach ((IndexNode Node, byte[] Lower)[] part in level.Chunk(fill))
            {
                var inner = new InnerNode();
                foreach ((IndexNode node, byte[] lower) in part)
                    inner.InsertAt(inner.Count, node, lower);
                KeyIndex.Recount(inner);
                upper.Add((inner, part[0].Lower));
            }
            level = upper;
        }
        return level[0].Node;
    }

    private readonly record struct Row(PackedVersion Packed, uint Crc, int Next)
    {
        public KeyVersion Version => Packed.Unpack(Packed.MainAndSize);
    }

    /// <summary>Compares arrays by content, and looks them up by spans.</summary>
    private sealed class BytesComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static BytesComparer Instance { get; } = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = new HashCode();
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
