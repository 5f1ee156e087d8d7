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
    private readonly HashSet<int> _dirty = [];
    private readonly Lock _lock = new();
    private readonly WrittenRanges _written = new();
    private DiskFailedException? _failure;
    private int _firstKept;
    private bool _namesDirty;

    internal StoreDevice(IDisk disk, string directory, int segmentBits)
        : base(Path.Combine(directory, "log"), Sector, Devices.CAPACITY_UNSPECIFIED)
    {
        (_disk, _directory, SegmentBits) = (disk, directory, segmentBits);
        foreach (string name in disk.List(directory))
        {
            if (TryParse(name, out int segment))
                _files[segment] = disk.Open(Path.Combine(directory, name), DiskOpenMode.ReadWrite);
        }
    }

    internal int SegmentBits { get; }

    /// <summary>
    /// Asks FASTER up to where its records do not change any more. It writes whole sectors, so the end of a write may hold
    /// room for records that are not there yet; only what is below this address counts as written.
    /// </summary>
    internal Func<long> FinalUntil { get; set; } = static () => 0;

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
        try
        {
            FileForWriting(segmentId).Write((long)destinationAddress, new ReadOnlySpan<byte>((void*)sourceAddress, (int)numBytesToWrite));
        }
        catch (DiskFailedException e)
        {
            Volatile.Write(ref _failure, e);
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
        var target = new Span<byte>((void*)destinationAddress, (int)readLength);
        // FASTER guesses lengths and reads beyond the end; and a reader may come late for a file that was collected. It
        // sees zeros then, finds no record, and looks again.
        target[Read(segmentId, (long)sourceAddress, target)..].Clear();
        callback(0, readLength, context);
    }

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
            if (segment >= first || !_files.TryRemove(segment, out _))
                continue;
            file.Dispose();
            _disk.Delete(Path.Combine(_directory, SegmentName(segment)));
            removed = true;
        }

        if (removed)
            _disk.SyncDirectory(_directory);
    }

    /// <summary>Reads by address, for checks that do not go through FASTER.</summary>
    internal int ReadAt(long address, Span<byte> target) =>
        Read((int)(address >> SegmentBits), address & ((1L << SegmentBits) - 1), target);

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
            file = _disk.Open(Path.Combine(_directory, SegmentName(segment)), DiskOpenMode.Create);
            _files[segment] = file;
            _namesDirty = true;
            return file;
        }
    }
}
