using System.Buffers.Binary;
using System.Diagnostics;
using EtcdNet.Raft;
using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage.WriteAhead;

/// <summary>
/// The write-ahead log: what Raft must not forget (Raft paper §5.1, "stable storage"), in segment files of fixed size.
/// A batch of entries and the hard state cost one write (and two for each entry of 64 KiB or more) and one fdatasync. Owned by one thread (the log writer), except
/// that nothing else is shared with other threads.
/// </summary>
/// <remarks>
/// Order within a batch: entries first, hard state last. A torn batch keeps a beginning of that, so the commit index never
/// points behind the log.
/// </remarks>
public sealed partial class Wal : IDisposable
{
    // Room for a seal or a close frame is always kept free.
    private const int ReservedBytes = 64;
    private const int BufferBytesInitial = 256 << 10;
    private const int BufferBytesKept = 8 << 20;

    // From here on a write of its own costs less than a copy.
    private const int OwnWriteBytesMin = 64 << 10;

    private readonly IDisk _disk;
    private readonly string _directory;
    private readonly WalOptions _options;
    private readonly WalMetadata _metadata;
    private readonly WalSegmentMaker _maker;
    private readonly WalSyncedMark _mark;
    private readonly List<(ulong Sequence, ulong FirstIndex, string Name)> _segments;
    private WalSegment _segment;
    private byte[] _buffer = new byte[BufferBytesInitial];
    private int _buffered;
    private HardState _hardState;
    private bool _hardStatePending;
    private ulong _lastIndex;
    private bool _broken;
    private long _writtenBytes;

    private Wal(
        IDisk disk, string directory, WalOptions options, WalMetadata metadata, WalSegment segment, WalSegmentMaker maker,
        WalSyncedMark mark, List<(ulong Sequence, ulong FirstIndex, string Name)> segments, HardState hardState, ulong lastIndex)
    {
        (_disk, _directory, _options, _metadata, _segment, _maker) = (disk, directory, options, metadata, segment, maker);
        (_mark, _segments, _hardState, _lastIndex) = (mark, segments, hardState, lastIndex);
    }

    /// <summary>Whose log it is.</summary>
    public WalMetadata Metadata => _metadata;

    /// <summary>Index of the last entry given to <see cref="Save"/>.</summary>
    public ulong LastIndex => _lastIndex;

    /// <summary>The hard state last given to <see cref="Save"/>.</summary>
    public HardState HardState => _hardState;

    /// <summary>Bytes written since the log was opened. Any thread.</summary>
    public long WrittenBytes => Volatile.Read(ref _writtenBytes);

    /// <summary>Files that exist now.</summary>
    public int SegmentCount => _segments.Count;

    /// <summary>Largest payload an entry may have.</summary>
    public int EntryBytesMax => _options.SegmentBytes - WalSegmentHeader.Bytes - ReservedBytes - 512;

    /// <summary>
    /// Stores a batch and returns when it is on the disk. Entries must follow the last one without a gap; an entry with an
    /// index that exists replaces that one and all behind it. When only the commit index moved nothing is written: it goes
    /// with the next batch, since Raft finds it again.
    /// </summary>
    /// <exception cref="DiskFailedException">The member has to stop. The log takes nothing any more.</exception>
    public void Save(HardState? hardState, IReadOnlyList<Entry> entries)
    {
        ThrowIfBroken();
        _broken = true; // until the end: a half-done batch must never be continued
        bool mustSync = entries.Count > 0;
        for (int i = 0; i < entries.Count; i++)
            AppendEntry(entries[i]);
        if (hardState is { } state && state != _hardState)
        {
            mustSync |= state.Term != _hardState.Term || state.Vote != _hardState.Vote;
            _hardState = state;
            _hardStatePending = true;
        }

        if (mustSync)
            Flush();
        _broken = false;
    }

    /// <summary>
    /// The log starts anew behind a leader's snapshot (Raft paper §7) whose checkpoint is already durable: every entry
    /// that is stored is dropped. On the disk when it returns.
    /// </summary>
    public void SaveSnapshot(WalSnapshotMark mark, HardState hardState)
    {
        ThrowIfBroken();
        _broken = true;
        WalRecord.Write(Reserve(WalRecord.SnapshotBytes), mark);
        Finish(WalRecord.SnapshotBytes, WalRecordType.Snapshot);
        _lastIndex = mark.Index;
        _hardState = hardState;
        _hardStatePending = true;
        Flush();
        _broken = false;
    }

    /// <summary>
    /// Removes whole files whose entries are all below the index. Call with the applied index of the older kept checkpoint
    /// plus one.
    /// </summary>
    /// <returns>Number of files removed.</returns>
    public int ReleaseBefore(ulong index)
    {
        ThrowIfBroken();
        int released = 0;
        while (_segments.Count > 1 && _segments[1].FirstIndex <= index)
        {
            _disk.Delete(Path.Combine(_directory, _segments[0].Name));
            // One at a time: after a crash a hole between segments would look like damage.
            _disk.SyncDirectory(_directory);
            _segments.RemoveAt(0);
            released++;
        }

        return released;
    }

    /// <summary>Closes in good order: writes what is pending and a mark that lets the next start tell damage from a crash.</summary>
    /// <exception cref="DiskFailedException">The mark was not written. Nothing that was saved is lost.</exception>
    public void Dispose()
    {
        try
        {
            Close();
        }
        finally
        {
            _maker.Dispose();
            _mark.Dispose();
            _segment.Dispose();
        }
    }

    private void Close()
    {
        if (!_broken)
        {
            _broken = true;
            EncodeHardState();
            ReserveInBuffer(0);
            Finish(0, WalRecordType.Close);
            WriteAndSync();
            if (!_options.UnsafeNoSync)
                _mark.Sync();
        }
    }

    private void ThrowIfBroken()
    {
        if (_broken)
            throw new InvalidOperationException("the write-ahead log failed or was closed; it takes nothing any more");
    }

    private void AppendEntry(in Entry entry)
    {
        if (entry.Index == 0 || entry.Index > _lastIndex + 1)
            throw new InvalidOperationException($"entry {entry.Index} does not follow entry {_lastIndex}");
        if (entry.Index <= _hardState.Commit && entry.Index <= _lastIndex)
            throw new InvalidOperationException($"entry {entry.Index} would replace a committed one (commit index {_hardState.Commit})");
        int payloadBytes = WalRecord.EntryHeaderBytes + entry.Data.Length;
        if (entry.Data.Length < OwnWriteBytesMin)
        {
            WalRecord.Write(Reserve(payloadBytes), entry);
            Finish(payloadBytes, WalRecordType.Entry);
        }
        else
        {
            AppendLarge(entry, payloadBytes);
        }
        _lastIndex = entry.Index;
    }

    // The data goes to the file from where it is. What stands before it in the batch is written first, and the sync that follows is one for all.
    private void AppendLarge(in Entry entry, int payloadBytes)
    {
        const int BeginBytes = WalFrame.HeaderBytes + WalRecord.EntryHeaderBytes;
        MakeRoom(payloadBytes);
        ReadOnlySpan<byte> data = entry.Data.Span;
        ReadOnlySpan<byte> padding = stackalloc byte[8];
        padding = padding[..(WalFrame.SizeOf(payloadBytes) - WalFrame.HeaderBytes - payloadBytes)];
        Span<byte> begin = ReserveBytes(BeginBytes);
        WalRecord.WriteHeader(begin[WalFrame.HeaderBytes..], entry);
        _segment.LastCrc = WalFrame.Finish(
            begin, data, padding, payloadBytes, WalRecordType.Entry, (uint)_segment.SyncedEnd, _segment.LastCrc, _segment.Header.Seed);
        _buffered += BeginBytes;
        WriteBuffered();
        Write(data);
        padding.CopyTo(ReserveBytes(padding.Length));
        _buffered += padding.Length;
    }

    private void EncodeHardState()
    {
        if (!_hardStatePending)
            return;
        WalRecord.Write(Reserve(WalRecord.HardStateBytes), _hardState);
        Finish(WalRecord.HardStateBytes, WalRecordType.HardState);
        _hardStatePending = false;
    }

    private void Flush()
    {
        EncodeHardState();
        WriteAndSync();
        if (_segment.End > _segment.Capacity / 2)
            _maker.Prepare();
    }

    private void WriteAndSync()
    {
        WriteBuffered();
        int unsynced = (int)(_segment.End - _segment.SyncedEnd);
        if (unsynced == 0)
            return;
        if (!_options.UnsafeNoSync)
        {
            long start = Stopwatch.GetTimestamp();
            _segment.Sync();
            _options.Observer?.OnSync(Stopwatch.GetTimestamp() - start, unsynced);
            _mark.Note(new WalSyncedPlace(_segment.Header.Sequence, _segment.SyncedEnd, _segment.Header.Seed));
        }
    }

    private void WriteBuffered()
    {
        if (_buffered == 0)
            return;
        Write(_buffer.AsSpan(0, _buffered));
        _buffered = 0;
        if (_buffer.Length > BufferBytesKept)
            _buffer = new byte[BufferBytesInitial];
    }

    private void Write(ReadOnlySpan<byte> frames)
    {
        long begun = Stopwatch.GetTimestamp();
        _segment.Write(frames);
        _options.Observer?.OnWrite(Stopwatch.GetTimestamp() - begun);
        Volatile.Write(ref _writtenBytes, _writtenBytes + frames.Length);
    }

    // Room for one frame in a segment that takes it.
    private Span<byte> Reserve(int payloadBytes)
    {
        MakeRoom(payloadBytes);
        return ReserveInBuffer(payloadBytes);
    }

    private void MakeRoom(int payloadBytes)
    {
        if (_segment.End + _buffered + WalFrame.SizeOf(payloadBytes) > _segment.Capacity - ReservedBytes)
        {
            if (payloadBytes > EntryBytesMax)
                throw new ArgumentException($"a record of {payloadBytes} bytes does not fit in a segment of {_options.SegmentBytes} bytes");
            Cut();
        }
    }

    // For frames that end a segment, in the room kept free for them. The padding is already zero.
    private Span<byte> ReserveInBuffer(int payloadBytes)
    {
        Span<byte> frame = ReserveBytes(WalFrame.SizeOf(payloadBytes));
        frame[(WalFrame.HeaderBytes + payloadBytes)..].Clear();
        return frame[WalFrame.HeaderBytes..];
    }

    private Span<byte> ReserveBytes(int count)
    {
        if (_buffered + count > _buffer.Length)
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _buffered + count));
        return _buffer.AsSpan(_buffered, count);
    }

    private void Finish(int payloadBytes, WalRecordType type)
    {
        int frameBytes = WalFrame.SizeOf(payloadBytes);
        _segment.LastCrc = WalFrame.Finish(
            _buffer.AsSpan(_buffered, frameBytes), payloadBytes, type, (uint)_segment.SyncedEnd, _segment.LastCrc, _segment.Header.Seed);
        _buffered += frameBytes;
    }

    // Goes on in a new segment. The old one is complete on disk first, the new one exists before the old one is sealed.
    private void Cut()
    {
        WriteAndSync();
        WalSegment old = _segment;
        (WalSegment next, string name) = Begin(
            _disk, _directory, _maker, _options, _metadata, _hardState, old.Header.Sequence + 1, _lastIndex + 1, old);
        BinaryPrimitives.WriteUInt64LittleEndian(ReserveInBuffer(sizeof(ulong)), next.Header.Sequence);
        Finish(sizeof(ulong), WalRecordType.Seal);
        WriteAndSync();
        old.Dispose();
        _segment = next;
        _segments.Add((next.Header.Sequence, next.Header.FirstIndex, name));
    }
}
