using System.Buffers.Binary;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.Storage.Records;

/// <summary>
/// How a revision's bytes are stored. A record is one part, or several when it is larger than <see cref="PartBytesMax"/>:
/// a value must fit in a page of the store. Each part is
/// <code>
/// 0  CRC-32C of revision, part number, flags and bytes   4
/// 4  flags: bit 0 tombstone, bit 1 kept once more,
///    bits 8–31 number of parts                           4
/// 8  bytes
/// </code>
/// The revision is under the checksum, so a record can never be taken for another one. The record's own CRC is that of its
/// only part, or the CRC of its parts' CRCs.
/// </summary>
internal static class RecordCodec
{
    internal const int HeaderBytes = 8;
    internal const int PartBytesMax = 1 << 20;
    private const uint TombstoneFlag = 1;
    private const uint KeptOnceMoreFlag = 2;

    internal static int PartCount(int bytes) => bytes <= PartBytesMax ? 1 : (bytes + PartBytesMax - 1) / PartBytesMax;

    internal static ReadOnlySpan<byte> Part(ReadOnlySpan<byte> bytes, int part) =>
        bytes.Slice(part * PartBytesMax, Math.Min(PartBytesMax, bytes.Length - part * PartBytesMax));

    /// <summary>Writes header and bytes of one part.</summary>
    /// <returns>The part's CRC.</returns>
    internal static uint Encode(Span<byte> target, Revision revision, int part, int parts, bool tombstone, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(target[HeaderBytes..]);
        return EncodeHeader(target, revision, part, parts, tombstone, bytes);
    }

    /// <summary>Writes the header alone; the bytes have to follow it.</summary>
    /// <returns>The part's CRC.</returns>
    internal static uint EncodeHeader(Span<byte> target, Revision revision, int part, int parts, bool tombstone, ReadOnlySpan<byte> bytes)
    {
        uint flags = (uint)parts << 8 | (tombstone ? TombstoneFlag : 0);
        uint crc = Checksum(revision, part, flags, bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(target, crc);
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], flags);
        return crc;
    }

    /// <summary>True when the stored part carries the right checksum.</summary>
    internal static bool IsValid(ReadOnlySpan<byte> stored, Revision revision, int part) =>
        stored.Length >= HeaderBytes && Crc(stored) == Checksum(revision, part, Flags(stored), stored[HeaderBytes..]);

    internal static uint Crc(ReadOnlySpan<byte> stored) => BinaryPrimitives.ReadUInt32LittleEndian(stored);

    internal static bool Tombstone(ReadOnlySpan<byte> stored) => (Flags(stored) & TombstoneFlag) != 0;

    /// <summary>True for a dead tombstone that <see cref="KeepOnceMore"/> was used on.</summary>
    internal static bool IsKeptOnceMore(ReadOnlySpan<byte> stored) => (Flags(stored) & KeptOnceMoreFlag) != 0;

    /// <summary>Marks the copy of a dead tombstone, so that the next collection that meets it may leave it behind.</summary>
    internal static void KeepOnceMore(Span<byte> stored, Revision revision, int part)
    {
        uint flags = Flags(stored) | KeptOnceMoreFlag;
        BinaryPrimitives.WriteUInt32LittleEndian(stored[4..], flags);
        BinaryPrimitives.WriteUInt32LittleEndian(stored, Checksum(revision, part, flags, stored[HeaderBytes..]));
    }

    internal static int Parts(ReadOnlySpan<byte> stored) => (int)(Flags(stored) >> 8);

    /// <summary>Folds the next part's CRC into a record's.</summary>
    internal static uint Combine(uint recordCrc, int part, uint partCrc)
    {
        if (part == 0)
            return partCrc;
        Span<byte> both = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(both, recordCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(both[4..], partCrc);
        return Crc32C.Compute(both);
    }

    private static uint Flags(ReadOnlySpan<byte> stored) => BinaryPrimitives.ReadUInt32LittleEndian(stored[4..]);

    private static uint Checksum(Revision revision, int part, uint flags, ReadOnlySpan<byte> bytes)
    {
        Span<byte> head = stackalloc byte[20];
        BinaryPrimitives.WriteInt64LittleEndian(head, revision.Main);
        BinaryPrimitives.WriteInt32LittleEndian(head[8..], revision.Sub);
        BinaryPrimitives.WriteInt32LittleEndian(head[12..], part);
        BinaryPrimitives.WriteUInt32LittleEndian(head[16..], flags);
        return ~Crc32C.Update(Crc32C.Update(~0u, head), bytes);
    }
}
