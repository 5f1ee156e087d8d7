namespace EtcdNet.Storage.Faster;

/// <summary>
/// What one thread has read ahead. FASTER asks for a sector or two for each record; who goes through records that lie one behind the other would
/// ask the system for each of them, and take the sum of each sector a dozen times. A sector is only given out while its sum is the known one, so
/// what was read before it was written, or before its file was removed, is not. It knows a store by its number only: threads live longer.
/// </summary>
internal sealed class ReadAhead(int sectorBytes)
{
    private const int Capacity = 32 << 10;
    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(Capacity);
    private readonly uint[] _sums = new uint[Capacity / sectorBytes];
    private long _store;
    private int _segment;
    private long _start;
    private int _length;
    private long _lastStart;

    /// <summary>Gives the bytes if they are here and are what was written.</summary>
    public bool TryTake(SectorSums store, int segment, long offset, Span<byte> target)
    {
        long at = offset - _start;
        if (store.Id != _store || segment != _segment || at < 0 || at + target.Length > _length || at % sectorBytes != 0)
            return false;
        for (int sector = 0; sector * sectorBytes < target.Length; sector++)
        {
            if (!store.IsKnown(segment, offset + (sector * sectorBytes), _sums[(at / sectorBytes) + sector]))
                return false;
        }

        _bytes.AsSpan((int)at, target.Length).CopyTo(target);
        _lastStart = offset;
        return true;
    }

    /// <summary>Reads ahead if this read follows closely on the last one; false when it does not, or is too large.</summary>
    /// <param name="store">Sums of the files, which stand for the store.</param>
    /// <param name="segment">Which file.</param>
    /// <param name="offset">Where in it.</param>
    /// <param name="length">What is wanted at once.</param>
    /// <param name="read">Reads a file; gives the number of bytes.</param>
    public bool TryFill(SectorSums store, int segment, long offset, int length, ReadFile read)
    {
        bool isSameFile = store.Id == _store && segment == _segment;
        bool follows = isSameFile && offset >= _lastStart && offset - _lastStart <= Capacity;
        if (!isSameFile)
            _length = 0;
        (_store, _segment, _lastStart) = (store.Id, segment, offset);
        if (!follows || length > Capacity / 2)
            return false;
        (_start, _length) = (offset, 0);
        int whole = read(segment, offset, _bytes) / sectorBytes * sectorBytes;
        for (int sector = 0; sector * sectorBytes < whole; sector++)
            _sums[sector] = SectorSums.SumOf(_bytes.AsSpan(sector * sectorBytes), sectorBytes);
        _length = whole;
        return true;
    }

    /// <summary>Reads a file at an offset into a buffer; gives the number of bytes.</summary>
    internal delegate int ReadFile(int segment, long offset, Span<byte> target);
}
