using System.Buffers.Binary;

namespace EtcdNet.Storage.WriteAhead;

/// <summary>
/// The codec of one frame. Little endian:
/// <code>
///  0  length of the payload        4
///  4  type                         4
///  8  synced-before                4   every byte of this segment before this offset was on disk when the frame was written
/// 12  CRC of the frame before it   4   0 for the first of a segment
/// 16  CRC-32C                      4   of bytes 0–15, payload and padding, starting from the segment's seed
/// 20  payload, padded with zeros so that the frame is a multiple of 8 bytes
/// </code>
/// The previous CRC chains the frames; carrying it inside lets a frame be judged alone, which tells a torn end from damage
/// in the middle. The random seed keeps bytes of other segments (or of a client's value) from ever passing as a frame.
/// </summary>
internal static class WalFrame
{
    internal const int HeaderBytes = 20;

    /// <summary>The smallest frame: a header and padding.</summary>
    internal const int BytesMin = 24;

    private const int CrcOffset = 16;

    internal static int SizeOf(int payloadBytes) => (HeaderBytes + payloadBytes + 7) & ~7;

    /// <summary>Fills in the header of a frame whose payload and zero padding stand already in place.</summary>
    /// <returns>The CRC, which the next frame chains to.</returns>
    internal static uint Finish(Span<byte> frame, int payloadBytes, WalRecordType type, uint syncedBefore, uint previousCrc, uint seed) =>
        Finish(frame, default, default, payloadBytes, type, syncedBefore, previousCrc, seed);

    /// <summary>As the other one, for a frame whose bytes are not in one place: its beginning, the middle, and the padding at the end.</summary>
    internal static uint Finish(
        Span<byte> frame, ReadOnlySpan<byte> middle, ReadOnlySpan<byte> end, int payloadBytes, WalRecordType type, uint syncedBefore, uint previousCrc, uint seed)
    {
        if (frame.Length + middle.Length + end.Length != SizeOf(payloadBytes))
            throw new ArgumentException($"{frame.Length}, {middle.Length} and {end.Length} bytes are no frame with a payload of {payloadBytes}");
        BinaryPrimitives.WriteInt32LittleEndian(frame, payloadBytes);
        BinaryPrimitives.WriteInt32LittleEndian(frame[4..], (int)type);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[8..], syncedBefore);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[12..], previousCrc);
        uint crc = ~Crc32C.Update(Crc32C.Update(~Checksum(frame, seed), middle), end);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[CrcOffset..], crc);
        return crc;
    }

    /// <summary>Reads only the size. False when these bytes cannot be the start of a frame that fits in <paramref name="room"/>.</summary>
    internal static bool TryReadSize(ReadOnlySpan<byte> header, long room, out int frameBytes)
    {
        frameBytes = 0;
        if (header.Length < HeaderBytes)
            return false;
        int length = BinaryPrimitives.ReadInt32LittleEndian(header);
        int type = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        if (length < 0 || length > room - HeaderBytes || type < (int)WalRecordType.Metadata || type > (int)WalRecordType.Close)
            return false;
        frameBytes = SizeOf(length);
        return frameBytes <= room;
    }

    /// <summary>Judges a whole frame by its own CRC.</summary>
    internal static bool IsValid(ReadOnlySpan<byte> frame, uint seed) =>
        BinaryPrimitives.ReadUInt32LittleEndian(frame[CrcOffset..]) == Checksum(frame, seed);

    /// <summary>The same, by its beginning alone (<see cref="BytesMin"/>) and the sums of what it is a part of.</summary>
    internal static bool IsValid(ReadOnlySpan<byte> beginning, int frameBytes, PartSums sums, long at, uint seed) =>
        BinaryPrimitives.ReadUInt32LittleEndian(beginning[CrcOffset..]) == ~sums.Update(~Checksum(beginning[..BytesMin], seed), at + BytesMin, at + frameBytes);

    internal static WalRecordType Type(ReadOnlySpan<byte> frame) => (WalRecordType)BinaryPrimitives.ReadInt32LittleEndian(frame[4..]);

    internal static uint SyncedBefore(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt32LittleEndian(frame[8..]);

    internal static uint PreviousCrc(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt32LittleEndian(frame[12..]);

    internal static uint Crc(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt32LittleEndian(frame[CrcOffset..]);

    internal static ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> frame) =>
        frame.Slice(HeaderBytes, BinaryPrimitives.ReadInt32LittleEndian(frame));

    private static uint Checksum(ReadOnlySpan<byte> frame, uint seed) =>
        ~Crc32C.Update(Crc32C.Update(~seed, frame[..CrcOffset]), frame[HeaderBytes..]);
}
