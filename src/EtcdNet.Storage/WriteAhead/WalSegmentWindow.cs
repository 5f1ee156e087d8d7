using System.Buffers;
using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage.WriteAhead;

/// <summary>A moving window over one segment file, so that reading a log needs little memory however long it is.</summary>
internal sealed class WalSegmentWindow : IDisposable
{
    private const int WindowBytes = 1 << 20;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(WindowBytes);
    private IDiskFile _file = null!;
    private long _capacity;
    private long _start;
    private int _filled;

    internal void Attach(IDiskFile file, long capacity)
    {
        (_file, _capacity) = (file, capacity);
        (_start, _filled) = (0, 0);
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    /// <summary>The frame at an offset, its CRC not yet looked at. Empty when no frame can be there.</summary>
    internal ReadOnlySpan<byte> ReadFrame(long offset)
    {
        ReadOnlySpan<byte> header = Load(offset, WalFrame.HeaderBytes);
        return WalFrame.TryReadSize(header, _capacity - offset, out int frameBytes) ? Load(offset, frameBytes) : default;
    }

    /// <summary>
    /// Looks at everything behind an unreadable place: the largest "was on the disk before" that a valid frame there
    /// claims (0 when none claims more than that place), and where the last byte that is not zero ends.
    /// </summary>
    internal long FindSyncedBehind(long offset, uint seed, out long garbageEnd)
    {
        garbageEnd = FindGarbageEnd(offset);
        PartSums sums = SumUp(offset, garbageEnd);
        long synced = 0;
        for (long at = offset + PartSums.Step; at < garbageEnd; at += PartSums.Step)
        {
            ReadOnlySpan<byte> beginning = Load(at, WalFrame.BytesMin);
            // Only a frame that claims more than is known matters, and one that claims bytes behind itself is none; this spares most checksums.
            if (beginning.IsEmpty || WalFrame.SyncedBefore(beginning) <= Math.Max(offset, synced) || WalFrame.SyncedBefore(beginning) > at)
                continue;
            if (WalFrame.TryReadSize(beginning, _capacity - at, out int bytes) && WalFrame.IsValid(beginning, bytes, sums, at - offset, seed))
                synced = WalFrame.SyncedBefore(beginning);
        }

        return synced;
    }

    private long FindGarbageEnd(long offset)
    {
        long end = offset;
        for (ReadOnlySpan<byte> bytes = LoadSome(offset, _capacity); !bytes.IsEmpty; bytes = LoadSome(offset, _capacity))
        {
            int last = bytes.LastIndexOfAnyExcept((byte)0);
            if (last >= 0)
                end = offset + last + 1;
            offset += bytes.Length;
        }

        return end;
    }

    private PartSums SumUp(long offset, long end)
    {
        var sums = new PartSums();
        for (ReadOnlySpan<byte> bytes = LoadSome(offset, end); !bytes.IsEmpty; bytes = LoadSome(offset, end))
        {
            sums.Append(bytes);
            offset += bytes.Length;
        }

        return sums;
    }

    private ReadOnlySpan<byte> LoadSome(long offset, long end) => Load(offset, (int)Math.Clamp(end - offset, 0, WindowBytes));

    // Exactly the wanted bytes, or nothing when the file ends before.
    private ReadOnlySpan<byte> Load(long offset, int bytes)
    {
        if (offset < _start || offset + bytes > _start + _filled)
        {
            if (offset + bytes > _capacity)
                return default;
            if (bytes > _buffer.Length)
            {
                ArrayPool<byte>.Shared.Return(_buffer);
                _buffer = ArrayPool<byte>.Shared.Rent(bytes);
            }

            _start = offset;
            _filled = _file.Read(offset, _buffer);
            if (_filled < bytes)
                return default;
        }

        return _buffer.AsSpan((int)(offset - _start), bytes);
    }
}
