namespace EtcdNet.Storage.Faster;

/// <summary>Settings of the revision store. The page and segment size are fixed when a store is made; its manifests remember them.</summary>
public sealed record FasterOptions
{
    /// <summary>
    /// log2 of the page size. 22: 4 MiB. At least 21, since a part of a record (1 MiB) must fit; then values of 1.5 MB leave a quarter of each
    /// page empty.
    /// </summary>
    public int PageBits { get; init; } = 22;

    /// <summary>
    /// log2 of the memory for the newest records. 25: 32 MiB, since the system's page cache serves the others nearly as fast.
    /// At least two bits more than <see cref="PageBits"/>.
    /// </summary>
    public int MemoryBits { get; init; } = 25;

    /// <summary>log2 of the size of one file. 28: 256 MiB.</summary>
    public int SegmentBits { get; init; } = 28;

    /// <summary>Bytes of the hash index; grows at a start to fit what is stored. 4 MiB serve the first million; more cost memory of its overflow, not time that could be measured (4 million keys).</summary>
    public long IndexBytes { get; init; } = 4 << 20;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(PageBits, 21);
        ArgumentOutOfRangeException.ThrowIfLessThan(MemoryBits, PageBits + 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(SegmentBits, PageBits);
        ArgumentOutOfRangeException.ThrowIfLessThan(IndexBytes, 64 << 10);
    }
}
