using EtcdNet.Raft;

namespace EtcdNet.Storage.WriteAhead;

/// <summary>
/// The stable part of the Raft log in memory: what the write-ahead log holds behind a compaction point, for Raft to send
/// to followers and to apply. Appended to by the log writer after its sync, read by the thread of the Raft core; each call
/// holds a lock for a few memory moves and never across IO.
/// </summary>
public sealed class EntryLog : IRaftStorage
{
    private readonly Lock _lock = new();
    private readonly HardState _initialHardState;
    private readonly ConfState _initialConfState;
    private Entry[] _entries;
    private int _head;
    private int _count;
    private long _bytes;
    private EntryId _compacted;
    private Func<Snapshot> _snapshot = () => Raft.Snapshot.Empty;

    /// <summary>Starts with what was recovered.</summary>
    /// <param name="hardState">From the write-ahead log.</param>
    /// <param name="confState">Configuration at <paramref name="snapshot"/>.</param>
    /// <param name="compacted">Entry before the first one of <paramref name="entries"/>; (0, 0) for a log from its beginning.</param>
    /// <param name="entries">Entries from <paramref name="compacted"/> + 1 on, without a gap.</param>
    public EntryLog(HardState hardState, ConfState confState, EntryId compacted, IReadOnlyList<Entry> entries)
    {
        (_initialHardState, _initialConfState, _compacted) = (hardState, confState, compacted);
        _entries = new Entry[Math.Max(1024, entries.Count)];
        Append(entries);
    }

    /// <inheritdoc/>
    public ulong FirstIndex
    {
        get
        {
            lock (_lock)
                return _compacted.Index + 1;
        }
    }

    /// <inheritdoc/>
    public ulong LastIndex
    {
        get
        {
            lock (_lock)
                return Last;
        }
    }

    /// <summary>Bytes of data of the entries held.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
                return _bytes;
        }
    }

    private ulong Last => _compacted.Index + (ulong)_count;

    /// <inheritdoc/>
    public (HardState HardState, ConfState ConfState) InitialState() => (_initialHardState, _initialConfState);

    /// <summary>
    /// Adds entries that are on the disk. The first may have an index that exists: that entry and all behind it are replaced.
    /// </summary>
    public void Append(IReadOnlyList<Entry> entries)
    {
        if (entries.Count == 0)
            return;
        lock (_lock)
        {
            ulong first = entries[0].Index;
            if (first <= _compacted.Index || first > Last + 1)
                throw new InvalidOperationException($"entry {first} does not fit a log of [{_compacted.Index + 1}, {Last}]");
            Truncate((int)(first - _compacted.Index - 1));
            EnsureRoom(entries.Count);
            for (int i = 0; i < entries.Count; i++)
            {
                if (entries[i].Index != first + (ulong)i)
                    throw new InvalidOperationException($"entry {entries[i].Index} stands in the place of {first + (ulong)i}");
                _entries[_head + _count++] = entries[i];
                _bytes += entries[i].Data.Length;
            }
        }
    }

    /// <summary>
    /// Drops the oldest entries, none behind <paramref name="upTo"/>, until at most so many entries and bytes are left.
    /// </summary>
    /// <param name="upTo">Last entry that may go: nobody here will ask for it again.</param>
    /// <param name="entriesMax">Number to keep at most.</param>
    /// <param name="bytesMax">Bytes to keep at most.</param>
    public void Trim(ulong upTo, ulong entriesMax, long bytesMax)
    {
        lock (_lock)
        {
            int droppable = (int)Math.Min((ulong)_count, upTo > _compacted.Index ? upTo - _compacted.Index : 0);
            int drop = 0;
            long bytes = _bytes;
            while (drop < droppable && ((ulong)(_count - drop) > entriesMax || bytes > bytesMax))
                bytes -= _entries[_head + drop++].Data.Length;
            if (drop > 0)
                DropFirst(drop);
        }
    }

    /// <summary>Starts anew behind a snapshot; every entry is dropped.</summary>
    public void Reset(EntryId snapshot)
    {
        lock (_lock)
        {
            Truncate(0);
            _head = 0;
            _compacted = snapshot;
        }
    }

    /// <summary>
    /// Who answers <see cref="Snapshot"/>. Called on the thread of the Raft core; it must not do IO and may throw
    /// <see cref="SnapshotTemporarilyUnavailableException"/>.
    /// </summary>
    public void SetSnapshotSource(Func<Snapshot> source) => Volatile.Write(ref _snapshot, source);

    /// <inheritdoc/>
    public IReadOnlyList<Entry> Entries(ulong low, ulong high, ulong maxBytes)
    {
        lock (_lock)
        {
            if (low <= _compacted.Index)
                throw new LogCompactedException();
            if (high > Last + 1)
                throw new LogUnavailableException();
            if (low >= high)
                return [];
            int start = _head + (int)(low - _compacted.Index - 1);
            int count = CountWithin(start, (int)(high - low), maxBytes);
            return _entries.AsSpan(start, count).ToArray();
        }
    }

    /// <inheritdoc/>
    public ulong Term(ulong index)
    {
        lock (_lock)
        {
            if (index < _compacted.Index)
                throw new LogCompactedException();
            if (index > Last)
                throw new LogUnavailableException();
            return index == _compacted.Index ? _compacted.Term : _entries[_head + (int)(index - _compacted.Index - 1)].Term;
        }
    }

    /// <inheritdoc/>
    public Snapshot Snapshot() => Volatile.Read(ref _snapshot)();

    private int CountWithin(int start, int count, ulong maxBytes)
    {
        ulong bytes = 0;
        for (int i = 0; i < count; i++)
        {
            bytes += (ulong)_entries[start + i].Data.Length;
            if (bytes > maxBytes)
                return Math.Max(1, i);
        }

        return count;
    }

    private void DropFirst(int count)
    {
        _compacted = _entries[_head + count - 1].Id;
        foreach (ref readonly Entry entry in _entries.AsSpan(_head, count))
            _bytes -= entry.Data.Length;
        Array.Clear(_entries, _head, count);
        _head += count;
        _count -= count;
    }

    private void Truncate(int count)
    {
        foreach (ref readonly Entry entry in _entries.AsSpan(_head + count, _count - count))
            _bytes -= entry.Data.Length;
        Array.Clear(_entries, _head + count, _count - count);
        _count = count;
    }

    private void EnsureRoom(int more)
    {
        if (_head + _count + more <= _entries.Length)
            return;
        // Half empty in front: move. Otherwise grow.
        Entry[] target = _count + more <= _entries.Length / 2 ? _entries : new Entry[Math.Max(_entries.Length * 2, _count + more)];
        Array.Copy(_entries, _head, target, 0, _count);
        if (target == _entries)
            Array.Clear(_entries, Math.Max(_count, _head), _head + _count - Math.Max(_count, _head));
        _entries = target;
        _head = 0;
    }
}
