using System.Collections.Concurrent;

namespace EtcdNet.Storage.Faster;

/// <summary>
/// CRC-32C of every sector that was written to the store's files or read back at a start, in memory: 4 bytes for 4 KiB. FASTER
/// believes the lengths and links that it reads, and a scan passes over zeros as over unused room; so it gets to see only
/// sectors that are what was written, and zeros in the place of all others. Any thread.
/// </summary>
internal sealed class SectorSums(int segmentBits, int sectorBytes)
{
    private static long s_last;
    private readonly ConcurrentDictionary<int, uint[]> _sums = new();

    /// <summary>Never 0, and no other store's in this process.</summary>
    internal long Id { get; } = Interlocked.Increment(ref s_last);

    /// <summary>Notes whole sectors from an offset on.</summary>
    internal void Note(int segment, long offset, ReadOnlySpan<byte> bytes)
    {
        uint[] sums = _sums.GetOrAdd(segment, static (_, count) => new uint[count], (1 << segmentBits) / sectorBytes);
        for (int at = 0; at < bytes.Length; at += sectorBytes)
            Volatile.Write(ref sums[(offset + at) / sectorBytes], SumOf(bytes[at..], sectorBytes));
    }

    /// <summary>Forgets a file.</summary>
    internal void Forget(int segment) => _sums.TryRemove(segment, out _);

    /// <summary>Clears every sector of a buffer that nobody wrote, or that is not what was written.</summary>
    /// <returns>Offset in the file of the first one that is not what was written; -1 when there is none.</returns>
    internal long Censor(int segment, long offset, Span<byte> bytes)
    {
        if (!_sums.TryGetValue(segment, out uint[]? sums))
        {
            bytes.Clear();
            return -1;
        }

        long first = -1;
        for (int at = 0; at < bytes.Length; at += sectorBytes)
        {
            uint known = offset + at < 1L << segmentBits ? Volatile.Read(ref sums[(offset + at) / sectorBytes]) : 0;
            if (known != 0 && known == SumOf(bytes[at..], sectorBytes))
                continue;
            bytes.Slice(at, Math.Min(sectorBytes, bytes.Length - at)).Clear();
            if (known != 0 && first < 0)
                first = offset + at;
        }

        return first;
    }

    /// <summary>True when a sector was written, and last with this sum.</summary>
    internal bool IsKnown(int segment, long offset, uint sum) =>
        _sums.TryGetValue(segment, out uint[]? sums) && offset < 1L << segmentBits && Volatile.Read(ref sums[offset / sectorBytes]) == sum;

    // 0 says "never written".
    internal static uint SumOf(ReadOnlySpan<byte> bytes, int count) => Math.Max(1, Crc32C.Compute(bytes[..Math.Min(count, bytes.Length)]));
}
