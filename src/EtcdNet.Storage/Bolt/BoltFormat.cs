using System.Buffers.Binary;

namespace EtcdNet.Storage.Bolt;

/// <summary>
/// The file format of bbolt, version 2, little-endian: pages of 4 KiB numbered from 0, two of them meta pages, then the freelist
/// and the nodes of B+trees. A node that is larger than a page goes on in the pages behind it (its overflow).
/// <code>
/// page header   id 8 · flags 2 · count 2 · overflow 4
/// leaf element  flags 4 · position 4 · key size 4 · value size 4      position: from this element to its key
/// branch element  position 4 · key size 4 · child page 8
/// meta          magic 4 · version 4 · page size 4 · flags 4 · root bucket 16 · freelist page 8 · page count 8 · transaction 8 · FNV-1a of these 8
/// bucket        root page 8 · sequence 8
/// </code>
/// </summary>
internal static class BoltFormat
{
    public const int PageBytes = 4096;
    public const int PageHeaderBytes = 16;
    public const int ElementBytes = 16;
    public const int BucketBytes = 16;
    public const int MetaBytes = 64;
    public const int KeyBytesMax = 32_768;
    public const uint Magic = 0xED0C_DAED;
    public const uint Version = 2;

    public const ushort BranchPage = 0x01;
    public const ushort LeafPage = 0x02;
    public const ushort MetaPage = 0x04;
    public const ushort FreelistPage = 0x10;

    /// <summary>Flag of a leaf element whose value is a bucket.</summary>
    public const uint BucketElement = 0x01;

    /// <summary>First page behind the two meta pages.</summary>
    public const ulong FreelistId = 2;

    /// <summary>First page of the trees.</summary>
    public const ulong FirstNodeId = 3;

    public static void WritePageHeader(Span<byte> page, ulong id, ushort flags, int count, int overflow)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(page, id);
        BinaryPrimitives.WriteUInt16LittleEndian(page[8..], flags);
        BinaryPrimitives.WriteUInt16LittleEndian(page[10..], checked((ushort)count));
        BinaryPrimitives.WriteUInt32LittleEndian(page[12..], (uint)overflow);
    }

    public static void WriteLeafElement(Span<byte> element, uint flags, int position, int keyBytes, int valueBytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(element, flags);
        BinaryPrimitives.WriteInt32LittleEndian(element[4..], position);
        BinaryPrimitives.WriteInt32LittleEndian(element[8..], keyBytes);
        BinaryPrimitives.WriteInt32LittleEndian(element[12..], valueBytes);
    }

    public static void WriteBranchElement(Span<byte> element, int position, int keyBytes, ulong child)
    {
        BinaryPrimitives.WriteInt32LittleEndian(element, position);
        BinaryPrimitives.WriteInt32LittleEndian(element[4..], keyBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(element[8..], child);
    }

    /// <summary>A whole meta page.</summary>
    /// <param name="page">The page, zeroed.</param>
    /// <param name="id">0 or 1.</param>
    /// <param name="transaction">The higher of the two counts when the file is opened.</param>
    /// <param name="root">Page of the bucket of buckets.</param>
    /// <param name="pages">Pages in the file.</param>
    public static void WriteMeta(Span<byte> page, ulong id, ulong transaction, ulong root, ulong pages)
    {
        WritePageHeader(page, id, MetaPage, 0, 0);
        Span<byte> meta = page.Slice(PageHeaderBytes, MetaBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(meta, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(meta[4..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(meta[8..], PageBytes);
        WriteBucket(meta[16..], root);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[32..], FreelistId);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[40..], pages);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[48..], transaction);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[56..], Fnv1A(meta[..56]));
    }

    public static void WriteBucket(Span<byte> bucket, ulong root)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(bucket, root);
        BinaryPrimitives.WriteUInt64LittleEndian(bucket[8..], 0);
    }

    /// <summary>FNV-1a, 64 bits.</summary>
    private static ulong Fnv1A(ReadOnlySpan<byte> bytes)
    {
        ulong hash = 14_695_981_039_346_656_037;
        foreach (byte value in bytes)
            hash = unchecked((hash ^ value) * 1_099_511_628_211);
        return hash;
    }
}
