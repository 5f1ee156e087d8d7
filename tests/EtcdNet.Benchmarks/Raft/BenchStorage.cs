using EtcdNet.Raft;

namespace EtcdNet.Benchmarks.Raft;

/// <summary>
/// A log that keeps the slices it is given and copies nothing, so that a benchmark measures the core and not its storage.
/// </summary>
internal sealed class BenchStorage(ConfState configuration) : IRaftStorage
{
    private readonly Queue<EntrySlice> _slices = new();
    private EntryId _before;

    /// <inheritdoc/>
    public ulong FirstIndex => _before.Index + 1;

    /// <inheritdoc/>
    public ulong LastIndex { get; private set; }

    /// <inheritdoc/>
    public (HardState HardState, ConfState ConfState) InitialState() => (default, configuration);

    /// <summary>Adds entries that follow the last one.</summary>
    public void Append(EntrySlice entries)
    {
        if (entries.Count == 0)
            return;
        if (entries.Span[0].Index != LastIndex + 1)
            throw new InvalidOperationException("one leader with a healthy network never overwrites");
        _slices.Enqueue(entries);
        LastIndex += (ulong)entries.Count;
    }

    /// <summary>Forgets whole slices at or below <paramref name="index"/>.</summary>
    public void Compact(ulong index)
    {
        while (_slices.TryPeek(out var oldest) && oldest.Span[^1].Index <= index)
        {
            _before = oldest.Span[^1].Id;
            _slices.Dequeue();
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<Entry> Entries(ulong low, ulong high, ulong maxBytes)
    {
        foreach (var slice in _slices)
        {
            if (low > slice.Span[^1].Index)
                continue;
            var skip = (int)(low - slice.Span[0].Index);
            var count = Math.Min(slice.Count - skip, (int)(high - low));
            return slice.Range(skip, count);
        }

        throw new LogUnavailableException();
    }

    /// <inheritdoc/>
    public ulong Term(ulong index)
    {
        if (index == _before.Index)
            return _before.Term;
        foreach (var slice in _slices)
        {
            if (index >= slice.Span[0].Index && index <= slice.Span[^1].Index)
                return slice.Span[(int)(index - slice.Span[0].Index)].Term;
        }

        throw new LogUnavailableException();
    }

    /// <inheritdoc/>
    public Snapshot Snapshot() => throw new SnapshotTemporarilyUnavailableException();
}
