using System.Collections.Concurrent;
using System.Globalization;
using EtcdNet.Storage.Disk;
using FASTER.core;

namespace EtcdNet.Storage.Faster;

/// <summary>
/// The store's files below FASTER: every read and write is done before the call returns, a failed write throws and stops the
/// disk, a new file's name is made durable by <see cref="Sync"/>, and files are removed only when we say so
/// (<see cref="RemoveBelow"/>), because an older checkpoint may need what FASTER has done with.
/// </summary>
internal sealed class StoreDevice : StorageDeviceBase
{
    internal const int Sector = 4096;
    private readonly IDisk _disk;
    private readonly string _directory;
    private readonly ConcurrentDictionary<int, IDiskFile> _files = new();
    private readonly SectorSums _sums;
    private readonly Lock _writing = new();
    private readonly HashSet<int> _dirty = [];
    private readonly Lock _lock = new();
    private readonly WrittenRanges _written = new();
    private DiskFailedException? _failure;

    // FASTER cannot be told of a read that failed; whoever made it call here asks afterwards. All its reads end in the call.
    [ThreadStatic]
    private static StoreDamagedException? t_readFailure;
    [ThreadStatic]
    private static ReadAhead? t_ahead;
    private readonly ReadAhead.ReadFile _readFile;
    private int _firstKept;
    private bool _namesDirty;

    internal StoreDevice(IDisk disk, string directory, int segmentBits)
        : base(Path.Combine(directory, "log"), Sector, Devices.CAPACITY_UNSPECIFIED)
    {
        (_disk, _directory, SegmentBits) = (disk, directory, segmentBits);
        _sums = new SectorSums(segmentBits, Sector);
        _readFile = Read;
        foreach (string name in disk.List(directory))
        {
            if (TryParse(name, out int segment))
                _files[segment] = disk.Open(Path.Combine(directory, name), DiskOpenMode.ReadWrite);
        }

        // Left by a process that was killed, names may be visible and yet not on the disk.
        _namesDirty = !_files.IsEmpty;
    }

    internal int SegmentBits { get; }

    /// <summary>
    /// Asks FASTER up to where its records do not change any more. It writes whole sectors, so the end of a write may hold
    /// room for records that are not there yet; only what is below this address counts as written.
    /// </summary>
    internal Func<long> FinalUntil { get; set; } = static () => 0;

    /// <summary>Told once, on whatever thread it happens, that a write failed: the writer may be waiting for it in vain.</summary>
    internal Action<DiskFailedException>? Failed { get; set; }

    /// <summary>Everything below this address was handed to the disk in its final form.</summary>
    internal long WrittenUntil => _written.Until;

    /// <summary>Bytes of all files.</summary>
    internal long FileBytes => _files.Values.Sum(file => file.Length);

    internal static string SegmentName(int segment) => string.Create(CultureInfo.InvariantCulture, $"log.{segment:x8}");

    /// <summary>Told where writing goes on after a recovery.</summary>
    internal void StartAt(long address) => _written.StartAt(address);

    public override unsafe void WriteAsync(
        IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
    {
        long start = ((long)segmentId << SegmentBits) + (long)destinationAddress;
        long final = Math.Min(start + numBytesToWrite, FinalUntil()); // asked before the bytes are taken
        var bytes = new ReadOnlySpan<byte>((void*)sourceAddress, (int)numBytesToWrite);
        try
        {
            IDiskFile file = FileForWriting(segmentId);
            lock (_writing)
            {
                file.Write((long)destinationAddress, bytes);
                _sums.Note(segmentId, (long)destinationAddress, bytes);
            }
        }
        catch (DiskFailedException e)
        {
            if (Interlocked.CompareExchange(ref _failure, e, null) is null)
                Failed?.Invoke(e);
            throw;
        }

        lock (_lock)
            _dirty.Add(segmentId);
        if (final > start)
            _written.Add(start, final - start);
        callback(0, numBytesToWrite, context);
    }

    public override unsafe void ReadAsync(
        int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context)
    {
        ReadProven(segmentId, (long)sourceAddress, new Span<byte>((void*)destinationAddress, (int)readLength));
        callback(0, readLength, context);
    }

    /// <summary>
    /// What went wrong first with reads of this thread since the last call; null when nothing did. In the place of what
    /// could not be read FASTER saw zeros.
    /// </summary>
    internal static StoreDamagedException? TakeReadFailure()
    {
        StoreDamagedException? failure = t_readFailure;
        t_readFailure = null;
        return failure;
    }

    /// <summary>Takes what a start has verified as what is written.</summary>
    /// <param name="address">Start of a sector.</param>
    /// <param name="bytes">Whole sectors.</param>
    internal void Learn(long address, ReadOnlySpan<byte> bytes) =>
        _sums.Note((int)(address >> SegmentBits), address & ((1L << SegmentBits) - 1), bytes);

    /// <summary>An exception that names the file of an address.</summary>
    internal StoreDamagedException Damaged(long address, string found) =>
        new(PathOf((int)(address >> SegmentBits)), address & ((1L << SegmentBits) - 1), found);

    /// <summary>A write failed on whatever thread FASTER did it: nobody may wait for that page.</summary>
    internal void ThrowIfFailed()
    {
        if (Volatile.Read(ref _failure) is { } failure)
            throw new DiskFailedException(failure.Operation, failure.Path, "an earlier write of the store failed", failure);
    }

    /// <summary>Makes everything that was written, and the names of the files, durable.</summary>
    internal void Sync()
    {
        int[] dirty;
        bool names;
        lock (_lock)
        {
            dirty = [.. _dirty];
            _dirty.Clear();
            names = _namesDirty;
            _namesDirty = false;
        }

        foreach (int segment in dirty)
        {
            if (_files.TryGetValue(segment, out IDiskFile? file))
                file.Sync();
        }

        if (names)
            _disk.SyncDirectory(_directory);
    }

    /// <summary>Removes files that lie wholly below an address.</summary>
    internal void RemoveBelow(long address)
    {
        int first = (int)(address >> SegmentBits);
        bool removed = false;
        lock (_lock)
            _firstKept = Math.Max(_firstKept, first);
        foreach ((int segment, IDiskFile file) in _files)
        {
            if (segment >= first)
                continue;
            // First of all: a late reader that does not find the file any more must not compare nothing with its sums.
            _sums.Forget(segment);
            if (!_files.TryRemove(segment, out _))
                continue;
            file.Dispose();
            _disk.Delete(PathOf(segment));
            removed = true;
        }

        if (removed)
            _disk.SyncDirectory(_directory);
    }

    /// <summary>Reads by address, for checks that do not go through FASTER.</summary>
    /// <exception cref="StoreDamagedException">The disk cannot read it.</exception>
    internal int ReadAt(long address, Span<byte> target)
    {
        try
        {
            return Read((int)(address >> SegmentBits), address & ((1L << SegmentBits) - 1), target);
        }
        catch (IOException e)
        {
            throw Damaged(address, e.Message);
        }
    }

    // Files are removed by us alone: what FASTER thinks is over may still be needed by a checkpoint.
    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result) => callback(result);

    public override void Dispose()
    {
        foreach (IDiskFile file in _files.Values)
            file.Dispose();
    }

    private static bool TryParse(string name, out int segment)
    {
        segment = 0;
        return name.StartsWith("log.", StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out segment);
    }

    private string PathOf(int segment) => Path.Combine(_directory, SegmentName(segment));

    // FASTER guesses lengths and reads beyond the end; and a reader may come late for a file that was collected. It sees
    // zeros then, finds no record, and looks again.
    private void ReadProven(int segment, long offset, Span<byte> target)
    {
        if (TryReadAhead(segment, offset, target))
            return;
        long wrong = TryRead(segment, offset, target);
        if (wrong < 0)
            return;
        // The read may have reached into a page that was just being written.
        lock (_writing)
            wrong = TryRead(segment, offset, target);
        if (wrong >= 0)
            t_readFailure ??= new StoreDamagedException(PathOf(segment), wrong, "it does not hold what was written there");
    }

    // Whatever is odd about it is left to the other way of reading.
    private bool TryReadAhead(int segment, long offset, Span<byte> target)
    {
        ReadAhead ahead = t_ahead ??= new ReadAhead(Sector);
        try
        {
            return ahead.TryTake(_sums, segment, offset, target)
                || (ahead.TryFill(_sums, segment, offset, target.Length, _readFile) && ahead.TryTake(_sums, segment, offset, target));
        }
        catch (IOException)
        {
            return false;
        }
    }

    private long TryRead(int segment, long offset, Span<byte> target)
    {
        try
        {
            target[Read(segment, offset, target)..].Clear();
            return _sums.Censor(segment, offset, target);
        }
        catch (IOException e)
        {
            target.Clear();
            t_readFailure ??= new StoreDamagedException(PathOf(segment), offset, e.Message);
            return -1;
        }
    }

    private int Read(int segment, long offset, Span<byte> target)
    {
        if (!_files.TryGetValue(segment, out IDiskFile? file))
            return 0;
        try
        {
            return file.Read(offset, target);
        }
        catch (ObjectDisposedException)
        {
            return 0;
        }
    }

    private IDiskFile FileForWriting(int segment)
    {
        if (_files.TryGetValue(segment, out IDiskFile? file))
            return file;
        lock (_lock)
        {
            if (_files.TryGetValue(segment, out file))
                return file;
            if (segment < _firstKept)
                throw new InvalidOperationException($"segment {segment} of the store was removed and is written again");
            file = _disk.Open(PathOf(segment), DiskOpenMode.Create);
            _files[segment] = file;
            _namesDirty = true;
            return file;
        }
    }
}
