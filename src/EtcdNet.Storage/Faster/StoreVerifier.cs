using System.Buffers;

namespace EtcdNet.Storage.Faster;

/// <summary>
/// Reads the raw log page by page, without FASTER: tests every record (<see cref="RawRecords"/>) and sums every page up, so
/// that FASTER's own words, which carry no checksum, are covered too. The sums go into the manifest; a recovery makes them
/// again from the files.
/// </summary>
internal sealed class StoreVerifier
{
    private const int FirstAddress = 64;

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
                var records = new RawRecords(_device, bytes, _until);
                while (records.MoveNext())
                {
                }

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
}
