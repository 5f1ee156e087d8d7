namespace EtcdNet.Raft;

/// <summary>
/// The whole log: what storage holds and the unstable end. Always
/// <c>applied ≤ applying ≤ committed ≤ last index</c> (Raft paper figure 2).
/// </summary>
internal sealed class RaftLog
{
    private readonly IRaftStorage _storage;
    private readonly RaftTrace _trace;
    private readonly ulong _maxApplyingBytes;
    private ulong _applyingBytes;
    private bool _isApplyingPaused;

    public RaftLog(IRaftStorage storage, ulong maxApplyingBytes, RaftTrace trace)
    {
        (_storage, _maxApplyingBytes, _trace) = (storage, maxApplyingBytes, trace);
        Unstable = new UnstableLog(storage.LastIndex + 1, trace);

        // A snapshot is committed and applied by definition; anything beyond is learnt from the hard state and the caller.
        Committed = Applying = Applied = storage.FirstIndex - 1;
    }

    public UnstableLog Unstable { get; }

    /// <summary>Highest index known to be on a quorum.</summary>
    public ulong Committed { get; private set; }

    /// <summary>Highest index handed out for applying.</summary>
    public ulong Applying { get; private set; }

    /// <summary>Highest index reported as applied.</summary>
    public ulong Applied { get; private set; }

    public ulong FirstIndex => Unstable.FirstIndex is > 0 and var first ? first : _storage.FirstIndex;

    public ulong LastIndex => Unstable.LastIndex is > 0 and var last ? last : _storage.LastIndex;

    /// <summary>Id of the last entry.</summary>
    public EntryId LastId
    {
        get
        {
            var index = LastIndex;
            var known = TryTerm(index, out var term);
            Invariant.Holds(known, $"term of the last entry {index} is not known");
            return new EntryId(term, index);
        }
    }

    /// <summary>False when the entry is compacted away or does not exist.</summary>
    public bool TryTerm(ulong index, out ulong term)
    {
        if (Unstable.TryTerm(index, out term))
            return true;
        if (index + 1 < FirstIndex || index > LastIndex)
            return false;
        try
        {
            term = _storage.Term(index);
            return true;
        }
        catch (LogCompactedException)
        {
            return false;
        }
    }

    /// <summary>Term of an entry, 0 when it is not there.</summary>
    public ulong TermOrZero(ulong index) => TryTerm(index, out var term) ? term : 0;

    public bool Matches(EntryId id) => TryTerm(id.Index, out var term) && term == id.Term;

    /// <summary>The voter's side of the election restriction (Raft paper §5.4.1).</summary>
    public bool IsUpToDate(EntryId candidate)
    {
        var last = LastId;
        return candidate.Term > last.Term || (candidate.Term == last.Term && candidate.Index >= last.Index);
    }

    /// <summary>
    /// The follower's side of the consistency check (Raft paper §5.3): false when the entry before is missing or different.
    /// </summary>
    public bool TryAppend(EntryId previous, EntrySlice entries, ulong leaderCommit, out ulong lastNew)
    {
        lastNew = previous.Index + (ulong)entries.Count;
        if (!Matches(previous))
            return false;
        var conflict = FindConflict(entries.Span);
        if (conflict < entries.Count)
        {
            var index = entries.Span[conflict].Index;
            Invariant.Holds(index > Committed, $"entry {index} conflict with committed entry [committed({Committed})]");
            Append(entries.Range(conflict, entries.Count - conflict));
        }

        CommitTo(Math.Min(leaderCommit, lastNew));
        return true;
    }

    public void Append(EntrySlice entries)
    {
        if (entries.Count == 0)
            return;
        var first = entries.Span[0].Index;
        Invariant.Holds(first > Committed, $"append at {first} is out of range [committed({Committed})]");
        Unstable.TruncateAndAppend(entries);
    }

    /// <summary>
    /// Going down from <paramref name="index"/>, the first entry whose term is at most <paramref name="term"/>: below it the two logs
    /// may match, above they cannot. Term 0 when that entry is not here.
    /// </summary>
    public EntryId FindConflictByTerm(ulong index, ulong term)
    {
        for (; index > 0; index--)
        {
            if (!TryTerm(index, out var own))
                return new EntryId(0, index);
            if (own <= term)
                return new EntryId(own, index);
        }

        return default;
    }

    public void CommitTo(ulong index)
    {
        if (index <= Committed)
            return;
        Invariant.Holds(index <= LastIndex,
            $"tocommit({index}) is out of range [lastIndex({LastIndex})]. Was the raft log corrupted, truncated, or lost?");
        Committed = index;
    }

    /// <summary>Commits by counting, only ever an entry of the leader's own term (Raft paper §5.4.2).</summary>
    public bool TryCommit(EntryId id)
    {
        if (id.Term == 0 || id.Index <= Committed || !Matches(id))
            return false;
        CommitTo(id.Index);
        return true;
    }

    public bool HasNextCommitted(bool allowUnstable) => !_isApplyingPaused && !HasSnapshot && Applying < MaxAppliable(allowUnstable);

    /// <summary>Entries to apply next, within what may be outstanding.</summary>
    public EntrySlice NextCommitted(bool allowUnstable)
    {
        if (!HasNextCommitted(allowUnstable))
            return EntrySlice.Empty;
        Invariant.Holds(_applyingBytes < _maxApplyingBytes, $"applying entry size ({_applyingBytes}-{_maxApplyingBytes}) not positive");
        return Slice(Applying + 1, MaxAppliable(allowUnstable) + 1, _maxApplyingBytes - _applyingBytes)
            ?? throw new RaftInvariantException($"committed entries from {Applying + 1} on are compacted before they were applied");
    }

    public void AcceptApplying(ulong index, ulong bytes, bool allowUnstable)
    {
        Invariant.Holds(index <= Committed, $"applying({index}) is out of range [prevApplying({Applying}), committed({Committed})]");
        Applying = index;
        _applyingBytes += bytes;

        // When the size limit cut the batch short, wait for it to be applied, even if it is below the limit by itself.
        _isApplyingPaused = _applyingBytes >= _maxApplyingBytes || index < MaxAppliable(allowUnstable);
    }

    public void AppliedTo(ulong index, ulong bytes)
    {
        Invariant.Holds(index <= Committed && index >= Applied,
            $"applied({index}) is out of range [prevApplied({Applied}), committed({Committed})]");
        Applied = index;
        Applying = Math.Max(Applying, index);
        _applyingBytes -= Math.Min(bytes, _applyingBytes);
        _isApplyingPaused = _applyingBytes >= _maxApplyingBytes;
    }

    /// <summary>True while a received snapshot is not yet applied; nothing after it may be applied before.</summary>
    public bool HasSnapshot => Unstable.Snapshot is not null;

    public Snapshot Snapshot() => Unstable.Snapshot ?? _storage.Snapshot();

    public void Restore(Snapshot snapshot)
    {
        var (index, term) = (snapshot.Metadata.Index, snapshot.Metadata.Term);
        _trace.Write(RaftLogLevel.Info, $"log [{Describe.Log(this)}] starts to restore snapshot [index: {index}, term: {term}]");
        Committed = index;
        Unstable.Restore(snapshot);
    }

    /// <summary>Entries from <paramref name="low"/> to the end within <paramref name="maxBytes"/>; null when compacted.</summary>
    public EntrySlice? From(ulong low, ulong maxBytes) => low > LastIndex ? EntrySlice.Empty : Slice(low, LastIndex + 1, maxBytes);

    /// <summary>Entries [low, high) within <paramref name="maxBytes"/>, at least one; null when the first is compacted away.</summary>
    public EntrySlice? Slice(ulong low, ulong high, ulong maxBytes)
    {
        Invariant.Holds(low <= high && high <= LastIndex + 1, $"slice[{low},{high}) out of bound [{FirstIndex},{LastIndex}]");
        if (low == high)
            return EntrySlice.Empty;
        if (low >= Unstable.Offset)
            return EntrySize.Limit(Unstable.Slice(low, high), maxBytes);
        if (low < FirstIndex)
            return null;

        var cut = Math.Min(high, Unstable.Offset);
        if (Stored(low, cut, maxBytes) is not { } stored)
            return null;
        if (high <= Unstable.Offset || (ulong)stored.Count < cut - low)
            return stored;

        var size = EntrySize.Encoded(stored.Span);
        return size >= maxBytes ? stored : Join(stored, Unstable.Slice(Unstable.Offset, high), maxBytes - size);
    }

    private EntrySlice? Stored(ulong low, ulong high, ulong maxBytes)
    {
        IReadOnlyList<Entry> entries;
        try
        {
            entries = _storage.Entries(low, high, maxBytes);
        }
        catch (LogCompactedException)
        {
            return null;
        }

        var slice = EntrySlice.From(entries);
        Invariant.Holds(slice.Count > 0 && (ulong)slice.Count <= high - low && slice[0].Index == low,
            $"storage answered {slice.Count} entries for [{low},{high})");
        return EntrySize.Limit(slice, maxBytes);
    }

    private static EntrySlice Join(EntrySlice stored, EntrySlice unstable, ulong maxBytes)
    {
        var rest = EntrySize.Limit(unstable, maxBytes);
        if (rest.Count == 0 || (rest.Count == 1 && EntrySize.Encoded(rest.Span) > maxBytes))
            return stored;
        var joined = new Entry[stored.Count + rest.Count];
        stored.Span.CopyTo(joined);
        rest.Span.CopyTo(joined.AsSpan(stored.Count));
        return new EntrySlice(joined, 0, joined.Length);
    }

    private int FindConflict(ReadOnlySpan<Entry> entries)
    {
        for (var i = 0; i < entries.Length; i++)
        {
            ref readonly var entry = ref entries[i];
            if (Matches(entry.Id))
                continue;
            if (entry.Index <= LastIndex)
                _trace.Write(RaftLogLevel.Info, $"found conflict at index {entry.Index} [existing term: {TermOrZero(entry.Index)}, conflicting term: {entry.Term}]");
            return i;
        }

        return entries.Length;
    }

    /// <summary>In async mode an entry is applied only once it is durable here, so that a crash never takes back what was applied.</summary>
    private ulong MaxAppliable(bool allowUnstable) => allowUnstable ? Committed : Math.Min(Committed, Unstable.Offset - 1);
}
