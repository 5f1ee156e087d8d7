namespace EtcdNet.Raft.Tests.Support;

/// <summary>A log in memory, with the failures of a real one: compaction and a snapshot that is not ready.</summary>
internal sealed class MemoryStorage : IRaftStorage
{
    private readonly List<Entry> _entries = [];
    private Snapshot _snapshot = Raft.Snapshot.Empty;
    private HardState _hardState;
    private EntryId _before;

    /// <summary>Replaces the stored snapshot in answers, for tests that make one on demand.</summary>
    public Func<Snapshot>? SnapshotOverride { get; set; }

    /// <summary>The configuration to start from, when the state machine is ahead of the snapshot.</summary>
    public ConfState? ConfigurationOverride { get; set; }

    public bool IsSnapshotUnavailable { get; set; }

    public ulong FirstIndex => _before.Index + 1;

    public ulong LastIndex => _before.Index + (ulong)_entries.Count;

    public (HardState HardState, ConfState ConfState) InitialState() => (_hardState, ConfigurationOverride ?? _snapshot.Metadata.ConfState);

    public IReadOnlyList<Entry> Entries(ulong low, ulong high, ulong maxBytes)
    {
        if (low < FirstIndex)
            throw new LogCompactedException();
        if (high > LastIndex + 1)
            throw new LogUnavailableException();
        var result = new List<Entry>();
        ulong size = 0;
        for (var index = low; index < high; index++)
        {
            var entry = _entries[(int)(index - FirstIndex)];
            size += (ulong)entry.Data.Length;
            if (result.Count > 0 && size > maxBytes)
                break;
            result.Add(entry);
        }

        return result;
    }

    public ulong Term(ulong index)
    {
        if (index < _before.Index)
            throw new LogCompactedException();
        if (index > LastIndex)
            throw new LogUnavailableException();
        return index == _before.Index ? _before.Term : _entries[(int)(index - FirstIndex)].Term;
    }

    public Snapshot Snapshot()
    {
        if (IsSnapshotUnavailable)
            throw new SnapshotTemporarilyUnavailableException();
        return SnapshotOverride is null ? _snapshot : SnapshotOverride();
    }

    public void SetHardState(HardState state) => _hardState = state;

    public void ApplySnapshot(Snapshot snapshot)
    {
        Assert.True(snapshot.Metadata.Index >= _snapshot.Metadata.Index, "snapshot goes back");
        _snapshot = snapshot;
        _before = new EntryId(snapshot.Metadata.Term, snapshot.Metadata.Index);
        _entries.Clear();
    }

    /// <summary>Remembers a snapshot without touching the log.</summary>
    public void CreateSnapshot(Snapshot snapshot) => _snapshot = snapshot;

    /// <summary>Writes entries at their index and drops what follows.</summary>
    public void Append(IReadOnlyList<Entry> entries)
    {
        if (entries.Count == 0)
            return;
        var from = entries[0].Index;
        Assert.InRange(from, FirstIndex, LastIndex + 1);
        _entries.RemoveRange((int)(from - FirstIndex), _entries.Count - (int)(from - FirstIndex));
        _entries.AddRange(entries);
    }

    /// <summary>Forgets everything up to and including <paramref name="index"/>.</summary>
    public void Compact(ulong index)
    {
        Assert.InRange(index, FirstIndex, LastIndex);
        _before = new EntryId(Term(index), index);
        _entries.RemoveRange(0, _entries.Count - (int)(LastIndexOf(_entries) - index));
    }

    private static ulong LastIndexOf(List<Entry> entries) => entries[^1].Index;
}
