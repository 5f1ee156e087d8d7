namespace EtcdNet.Raft;

/// <summary>
/// The end of the log that storage has not confirmed yet, and possibly a snapshot before it. "In progress" is the part that was
/// handed out in a <see cref="Ready"/>. Array slots are written once and never again, so that slices handed out stay valid.
/// </summary>
internal sealed class UnstableLog(ulong offset, RaftTrace trace)
{
    private const int MinCapacity = 64;

    private Entry[] _buffer = [];
    private int _start;

    /// <summary>Slots before this one are ours. Those behind it may belong to the log that an adopted slice came from.</summary>
    private int _end;

    /// <summary>Index of the first unstable entry (also when there is none).</summary>
    public ulong Offset { get; private set; } = offset;

    /// <summary>Index of the first entry that was not handed out yet; within [Offset, Offset + Count].</summary>
    public ulong OffsetInProgress { get; private set; } = offset;

    public int Count { get; private set; }

    /// <summary>A received snapshot that storage has not confirmed.</summary>
    public Snapshot? Snapshot { get; private set; }

    public bool SnapshotInProgress { get; private set; }

    /// <summary>The snapshot, unless it was handed out already.</summary>
    public Snapshot? NextSnapshot => SnapshotInProgress ? null : Snapshot;

    public bool HasNextEntries => OffsetInProgress < Offset + (ulong)Count;

    /// <summary>Index of the last entry or snapshot here, 0 when there is neither.</summary>
    public ulong LastIndex => Count > 0 ? Offset + (ulong)Count - 1 : Snapshot?.Metadata.Index ?? 0;

    /// <summary>Index of the first entry after the snapshot here, 0 when there is no snapshot.</summary>
    public ulong FirstIndex => Snapshot is null ? 0 : Snapshot.Metadata.Index + 1;

    public bool TryTerm(ulong index, out ulong term)
    {
        term = 0;
        if (index < Offset)
        {
            if (Snapshot is null || Snapshot.Metadata.Index != index)
                return false;
            term = Snapshot.Metadata.Term;
            return true;
        }

        if (index - Offset >= (ulong)Count)
            return false;
        term = _buffer[_start + (int)(index - Offset)].Term;
        return true;
    }

    public EntrySlice NextEntries() => Slice(OffsetInProgress, Offset + (ulong)Count);

    /// <summary>Everything here was handed out.</summary>
    public void AcceptInProgress()
    {
        OffsetInProgress = Offset + (ulong)Count;
        SnapshotInProgress = Snapshot is not null;
    }

    /// <summary>
    /// Storage holds everything up to <paramref name="id"/>. Ignored when the entry was overwritten meanwhile: what is durable is
    /// then not what the log says (Raft paper §5.3).
    /// </summary>
    public void StableTo(EntryId id)
    {
        if (!TryTerm(id.Index, out var term))
        {
            trace.Write(RaftLogLevel.Info, $"entry at index {id.Index} missing from unstable log; ignoring");
            return;
        }

        if (id.Index < Offset)
        {
            trace.Write(RaftLogLevel.Info, $"entry at index {id.Index} matched unstable snapshot; ignoring");
            return;
        }

        if (term != id.Term)
        {
            trace.Write(RaftLogLevel.Info, $"entry at (index,term)=({id.Index},{id.Term}) mismatched with entry at ({id.Index},{term}) in unstable log; ignoring");
            return;
        }

        var stable = (int)(id.Index + 1 - Offset);
        Offset = id.Index + 1;
        OffsetInProgress = Math.Max(OffsetInProgress, Offset);
        _start += stable;
        Count -= stable;
        Shrink();
    }

    public void StableSnapshotTo(ulong index)
    {
        if (Snapshot is null || Snapshot.Metadata.Index != index)
            return;
        Snapshot = null;
        SnapshotInProgress = false;
    }

    /// <summary>The snapshot replaces everything here.</summary>
    public void Restore(Snapshot snapshot)
    {
        Offset = OffsetInProgress = snapshot.Metadata.Index + 1;
        Release();
        Snapshot = snapshot;
        SnapshotInProgress = false;
    }

    /// <summary>
    /// Room for <paramref name="count"/> entries directly after the last one, to be filled by the caller at once.
    /// </summary>
    public Span<Entry> Extend(int count)
    {
        if (_start + Count + count > _end)
            Move(Count, count);
        var room = _buffer.AsSpan(_start + Count, count);
        Count += count;
        return room;
    }

    /// <summary>Puts entries at their index, dropping what was there and after. They are taken over without a copy if nothing is here.</summary>
    public void TruncateAndAppend(EntrySlice entries)
    {
        var from = entries.Span[0].Index;
        if (from != Offset + (ulong)Count)
            Truncate(from);
        if (Count > 0)
            entries.Span.CopyTo(Extend(entries.Count));
        else
            (_buffer, _start, _end, Count) = (entries.Array, entries.Start, entries.Start + entries.Count, entries.Count);
    }

    public EntrySlice Slice(ulong low, ulong high)
    {
        Invariant.Holds(low <= high && low >= Offset && high <= Offset + (ulong)Count,
            $"unstable slice [{low},{high}) out of bound [{Offset},{Offset + (ulong)Count}]");
        return low == high ? EntrySlice.Empty : new EntrySlice(_buffer, _start + (int)(low - Offset), (int)(high - low));
    }

    private void Truncate(ulong from)
    {
        if (from <= Offset)
        {
            // Storage holds entries at and after this index; the next write replaces them there.
            trace.Write(RaftLogLevel.Info, $"replace the unstable entries from index {from}");
            Offset = OffsetInProgress = from;
            Release();
            return;
        }

        trace.Write(RaftLogLevel.Info, $"truncate the unstable entries before index {from}");
        Invariant.Holds(from <= Offset + (ulong)Count, $"append at {from} leaves a gap after {Offset + (ulong)Count - 1}");

        // The dropped slots may be on their way to storage: keep them as they are and go on in a new array.
        Move((int)(from - Offset), 0);
        OffsetInProgress = Math.Min(OffsetInProgress, from);
    }

    private void Move(int keep, int room)
    {
        var needed = keep + room;
        var moved = new Entry[Math.Max(MinCapacity, keep == 0 ? needed : 2 * needed)];
        _buffer.AsSpan(_start, keep).CopyTo(moved);
        (_buffer, _start, _end, Count) = (moved, 0, moved.Length, keep);
    }

    private void Release() => (_buffer, _start, _end, Count) = ([], 0, 0, 0);

    /// <summary>Lets go of payloads that storage holds, at a cost that is constant per entry.</summary>
    private void Shrink()
    {
        if (Count == 0 && 2 * _start >= _end)
            Release();
        else if (Count > 0 && _start > MinCapacity && _start > 4 * Count)
            Move(Count, 0);
    }
}
