using EtcdNet.Raft;
using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage.WriteAhead;

/// <summary>
/// Reads all segments in order and judges them. The rule: a frame that cannot be read is the torn end of an interrupted
/// batch only in the last segment, and only if no frame behind it says that this place was already on the disk.
/// Everything else is damage. Memory: one window of the file plus the entries that are kept.
/// </summary>
internal sealed class WalReader(IDisk disk, string directory, ulong fromIndex)
{
    private readonly List<Entry> _entries = [];
    private WalMetadata? _metadata;
    private HardState _hardState;
    private ulong _start;
    private ulong _last;
    private long _tornBytes;
    private (WalSegmentHeader Header, long Capacity, long End, uint LastCrc) _tail;
    private WalSyncedPlace? _synced;

    internal List<(ulong Sequence, ulong FirstIndex, string Name)> Segments { get; } = [];

    /// <summary>What is wrong with the log although nothing is lost; otherwise null.</summary>
    internal string? Problem { get; private set; }

    /// <exception cref="WalDamagedException">Something that was on the disk is changed or missing.</exception>
    /// <exception cref="DataDirectoryException">The disk cannot read it.</exception>
    internal WalContents ReadAll()
    {
        try
        {
            return ReadSegments();
        }
        catch (IOException e)
        {
            throw new DataDirectoryException($"the write-ahead log cannot be read: {e.Message}. {DamageAdvice.Text}", e);
        }
    }

    private WalContents ReadSegments()
    {
        ListSegments();
        _synced = WalSyncedMark.Read(disk, directory, out string? problem);
        Problem = problem;
        _start = Math.Max(fromIndex, Segments[0].FirstIndex);
        _last = Segments[0].FirstIndex - 1;
        (WalSegmentHeader Header, string Name)? previous = null;
        using var window = new WalSegmentWindow();
        for (int i = 0; i < Segments.Count; i++)
        {
            bool last = i == Segments.Count - 1;
            WalSegmentHeader? next = last ? null : ReadHeader(Segments[i + 1].Name);
            ReadSegment(window, Segments[i].Name, previous?.Header, next);
            previous = (_tail.Header, Segments[i].Name);
        }

        return Result();
    }

    /// <summary>Opens the last segment behind its last good frame; what is torn is overwritten with zeros, and all of it synced.</summary>
    internal WalSegment OpenForAppend()
    {
        string path = Path.Combine(directory, Segments[^1].Name);
        IDiskFile file = disk.Open(path, DiskOpenMode.ReadWrite);
        if (_tornBytes > 0)
            file.Write(_tail.End, new byte[_tornBytes]);
        file.Sync();

        return new WalSegment(file, _tail.Header, _tail.Capacity, _tail.End, _tail.LastCrc);
    }

    private WalContents Result()
    {
        WalMetadata metadata = _metadata ?? throw Damaged(Segments[0].Name, WalSegmentHeader.Bytes, "there is no metadata record");
        if (_hardState.Commit > _last)
            throw Damaged(Segments[^1].Name, _tail.End, $"commit index {_hardState.Commit} is behind the last entry {_last}");
        // A batch torn between its entries and its hard state: the entries prove the term. No vote can have left in it.
        ulong lastTerm = _entries.Count > 0 ? _entries[^1].Term : 0;
        if (lastTerm > _hardState.Term)
            _hardState = new HardState(lastTerm, 0, _hardState.Commit);
        return new WalContents
        {
            Metadata = metadata,
            HardState = _hardState,
            Entries = _entries,
            FirstIndex = _entries.Count > 0 ? _start : _last + 1,
            TornBytes = _tornBytes,
            EndFile = Path.Combine(directory, Segments[^1].Name),
            EndOffset = _tail.End,
        };
    }

    private void ListSegments()
    {
        foreach (string name in disk.List(directory))
        {
            if (name == WalSyncedMark.FileName || name.EndsWith(DiskExtensions.TemporarySuffix, StringComparison.Ordinal))
                continue;
            if (!WalSegmentHeader.TryParseName(name, out ulong sequence, out ulong firstIndex))
                throw Damaged(name, 0, "this is no file of the log");
            if (Segments.Count > 0 && sequence != Segments[^1].Sequence + 1)
                throw Damaged(name, 0, $"segment {Segments[^1].Sequence + 1:x16}, which comes before it, is missing");
            Segments.Add((sequence, firstIndex, name));
        }

        if (Segments.Count == 0)
            throw Damaged("*" + WalSegmentHeader.Suffix, 0, "the log of this member has no files");
    }

    private WalSegmentHeader ReadHeader(string name)
    {
        using IDiskFile file = disk.Open(Path.Combine(directory, name), DiskOpenMode.Read);
        Span<byte> bytes = stackalloc byte[WalSegmentHeader.Bytes];
        int read = file.Read(0, bytes);
        if (WalSegmentHeader.TryRead(bytes[..read], out WalSegmentHeader header) is { } wrong)
            throw Damaged(name, 0, wrong);
        if (header.FileName != name)
            throw Damaged(name, 0, $"its header belongs to {header.FileName}");
        return header;
    }

    private void ReadSegment(WalSegmentWindow window, string name, WalSegmentHeader? previous, WalSegmentHeader? next)
    {
        WalSegmentHeader header = ReadHeader(name);
        if (previous is not null && header.FirstIndex != _last + 1)
            throw Damaged(name, 0, $"it begins at entry {header.FirstIndex}, but the one before ends at {_last}");
        using IDiskFile file = disk.Open(Path.Combine(directory, name), DiskOpenMode.Read);
        long capacity = file.Length;
        if (header.FileBytes != 0 && capacity < header.FileBytes)
            throw Damaged(name, capacity, $"the file ends here, but it was made with {header.FileBytes} bytes");
        window.Attach(file, capacity);
        long offset = WalSegmentHeader.Bytes;
        uint crc = 0;
        WalRecordType lastType = default;
        while (next is not { } n || offset < n.PreviousEnd)
        {
            ReadOnlySpan<byte> frame = window.ReadFrame(offset);
            if (frame.IsEmpty || !WalFrame.IsValid(frame, header.Seed) || WalFrame.PreviousCrc(frame) != crc)
                break;
            crc = WalFrame.Crc(frame);
            lastType = WalFrame.Type(frame);
            Accept(name, offset, lastType, WalFrame.Payload(frame));
            offset += frame.Length;
        }

        if (next is { } follower)
            CheckSealedEnd(name, offset, crc, follower);
        else
            JudgeEnd(window, header, name, offset, lastType);
        _tail = (header, capacity, offset, crc);
    }

    private void CheckSealedEnd(string name, long offset, uint crc, in WalSegmentHeader next)
    {
        if (offset != next.PreviousEnd || crc != next.PreviousCrc)
            throw Damaged(name, offset, $"no valid record, although the next segment says that this one ends at {next.PreviousEnd}");
    }

    private void JudgeEnd(WalSegmentWindow window, in WalSegmentHeader header, string name, long offset, WalRecordType lastType)
    {
        if (lastType == WalRecordType.Seal)
            throw Damaged(name, offset, $"segment {header.Sequence + 1:x16}, which follows it, is missing");
        if (offset < header.PreambleEnd)
            throw Damaged(name, offset, "no valid record in the part that is synced before the file gets its name");
        if (_synced is { } place)
            CompareWithMark(place, header, name, offset);
        long syncedBefore = window.FindSyncedBehind(offset, header.Seed, out long garbageEnd);
        if (syncedBefore > offset)
            throw Damaged(name, offset, $"no valid record, although a later one says that everything before {syncedBefore} was on the disk");
        _tornBytes = Math.Max(0, garbageEnd - offset);
    }

    private void CompareWithMark(in WalSyncedPlace place, in WalSegmentHeader header, string name, long offset)
    {
        string mark = Path.Combine(directory, WalSyncedMark.FileName);
        if (place.Sequence > header.Sequence)
            throw Damaged(name, offset, $"segment {place.Sequence:x16}, which follows it, is missing ({mark} says that it was written to)");
        if (place.Sequence < header.Sequence)
            return;
        if (place.Seed != header.Seed)
            throw Damaged(name, 0, $"{mark} belongs to another file of this name");
        if (place.End > offset)
            throw Damaged(name, offset, $"no valid record, although {mark} says that everything before {place.End} was on the disk");
    }

    private void Accept(string name, long offset, WalRecordType type, ReadOnlySpan<byte> payload)
    {
        switch (type)
        {
            case WalRecordType.Metadata:
                WalMetadata metadata = WalRecord.ReadMetadata(payload);
                if (_metadata is { } known && known != metadata)
                    throw Damaged(name, offset, "it belongs to another member or cluster than the segments before it");
                _metadata = metadata;
                break;
            case WalRecordType.Entry:
                AcceptEntry(name, offset, payload);
                break;
            case WalRecordType.HardState:
                _hardState = WalRecord.ReadHardState(payload);
                break;
            case WalRecordType.Snapshot:
                _entries.Clear();
                _last = WalRecord.ReadSnapshot(payload).Index;
                _start = Math.Max(fromIndex, _last + 1);
                break;
            default:
                break; // seals and close marks say nothing about the state
        }
    }

    private void AcceptEntry(string name, long offset, ReadOnlySpan<byte> payload)
    {
        ulong index = WalRecord.ReadEntryIndex(payload);
        if (index == 0 || index > _last + 1)
            throw Damaged(name, offset, $"entry {index} follows entry {_last}");
        _last = index;
        if (index < _start)
        {
            _entries.Clear();
            return;
        }

        int position = (int)(index - _start);
        if (position < _entries.Count)
            _entries.RemoveRange(position, _entries.Count - position);
        _entries.Add(WalRecord.ReadEntry(payload));
    }

    private WalDamagedException Damaged(string name, long offset, string found) => new(Path.Combine(directory, name), offset, found);
}
