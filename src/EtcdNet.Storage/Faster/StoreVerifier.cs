using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using EtcdNet.Storage.Records;

namespace EtcdNet.Storage.Faster;

/// <summary>
/// Reads the raw log page by page, without FASTER: tests every record (word of record information, key, length, our bytes,
/// in steps of 8; zeros are unused room) and sums every page up, so that FASTER's own words, which carry no checksum, are
/// covered too. The sums go into the manifest; a recovery makes them again from the files.
/// </summary>
internal sealed class StoreVerifier
{
    private const int FirstAddress = 64;
    private const int LengthOffset = 8 + RevisionKey.Bytes;
    private const int HeaderBytes = LengthOffset + sizeof(int);
    private const long LinkMask = (1L << 48) - 1;
    private const long LockBits = 0xFFL << 48;
    private const long ValidBit = 1L << 56;

    // "Sealed" and "dirty": FASTER sets them in memory and clears them at a recovery, so they may differ when the sector
    // that a checkpoint ends in is written again. They mean nothing on the disk and are left out of the sums.
    private const long PassingBits = 1L << 57 | 1L << 59;

    private readonly StoreDevice _device;
    private readonly int _pageBits;
    private readonly List<uint> _sums = [];
    private long _firstPage;
    private long _until;

    /// <summary>Starts before the page of an address, with nothing summed up.</summary>
    internal StoreVerifier(StoreDevice device, int pageBits, long begin)
    {
        (_device, _pageBits) = (device, pageBits);
        _firstPage = begin >> pageBits;
        _until = Math.Max(FirstAddress, _firstPage << pageBits);
    }

    /// <summary>
    /// Reads on up to the tail of a checkpoint and forgets the sums of pages before the one of <paramref name="begin"/>.
    /// </summary>
    /// <param name="begin">Begin of the store.</param>
    /// <param name="tail">Where to stop.</param>
    /// <param name="learn">At a start: what is found right is what the device has to read from now on.</param>
    /// <returns>One sum a page.</returns>
    /// <exception cref="StoreDamagedException">A record is not right or a file ends too early.</exception>
    internal uint[] Extend(long begin, long tail, bool learn = false)
    {
        byte[] page = ArrayPool<byte>.Shared.Rent(1 << _pageBits);
        try
        {
            while (_until < tail)
            {
                long end = Math.Min(tail, ((_until >> _pageBits) + 1) << _pageBits);
                Span<byte> bytes = ReadPart(page, _until, end, learn);
                VerifyPage(bytes, _until);
                Sum((int)((_until >> _pageBits) - _firstPage), bytes);
                _until = end;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(page);
        }

        int over = (int)Math.Min((begin >> _pageBits) - _firstPage, _sums.Count);
        _sums.RemoveRange(0, over);
        _firstPage += over;
        return [.. _sums];
    }

    // Whole sectors are read, since that is what the device compares later.
    private Span<byte> ReadPart(byte[] page, long from, long end, bool learn)
    {
        long first = from & -StoreDevice.Sector;
        Span<byte> sectors = page.AsSpan(0, (int)(((end + StoreDevice.Sector - 1) & -StoreDevice.Sector) - first));
        int read = _device.ReadAt(first, sectors);
        if (first + read < end)
            throw _device.Damaged(first + read, "the file ends here or is missing");
        sectors[read..].Clear();
        if (learn)
            _device.Learn(first, sectors);
        return sectors[(int)(from - first)..(int)(end - first)];
    }

    private void Sum(int index, ReadOnlySpan<byte> bytes)
    {
        if (index == _sums.Count)
            _sums.Add(~0u);
        _sums[index] = Crc32C.Update(_sums[index], bytes);
    }

    // Clears the passing bits in the buffer.
    private void VerifyPage(Span<byte> bytes, long address)
    {
        int at = 0;
        while (at < bytes.Length)
        {
            Span<byte> rest = bytes[at..];
            long info = rest.Length >= 8 ? BinaryPrimitives.ReadInt64LittleEndian(rest) : 0;
            if (info == 0)
            {
                at += 8;
                continue;
            }

            BinaryPrimitives.WriteInt64LittleEndian(rest, info & ~PassingBits);
            at += VerifyRecord(rest, info, address + at);
        }
    }

    private int VerifyRecord(ReadOnlySpan<byte> rest, long info, long address)
    {
        if ((info & LockBits) != 0 || (info & ValidBit) == 0 || (info & LinkMask) >= address)
            throw _device.Damaged(address, $"a record begins with {info:x16}");
        if (rest.Length < HeaderBytes)
            throw _device.Damaged(address, "a record's header does not fit");
        int length = BinaryPrimitives.ReadInt32LittleEndian(rest[LengthOffset..]);
        if (length < RecordCodec.HeaderBytes || length > rest.Length - HeaderBytes)
            throw _device.Damaged(address, $"a record claims {length} bytes");
        RevisionKey key = MemoryMarshal.Read<RevisionKey>(rest[8..]);
        if (!RecordCodec.IsValid(rest.Slice(HeaderBytes, length), key.Revision, key.Part))
            throw _device.Damaged(address, $"the checksum of revision {key.Revision} does not match");
        return (HeaderBytes + length + 7) & ~7;
    }
}
