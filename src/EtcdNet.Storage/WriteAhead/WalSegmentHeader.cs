using System.Buffers.Binary;
using System.Globalization;

namespace EtcdNet.Storage.WriteAhead;

/// <summary>
/// First 64 bytes of a segment file. They and the opening frames are synced before the file gets its name, so a file with
/// a segment's name is never half made.
/// </summary>
/// <param name="Sequence">0, 1, 2 … without a gap.</param>
/// <param name="FirstIndex">Index the next entry would get when the segment was begun.</param>
/// <param name="Seed">Random start of every checksum in the file.</param>
/// <param name="PreambleEnd">Where the opening frames end; they can never be torn.</param>
/// <param name="PreviousEnd">Where the segment before ends (without its seal); 0 for the first.</param>
/// <param name="PreviousCrc">CRC of the last frame there.</param>
/// <param name="FileBytes">Size the file was made with and never loses; 0 in files of before this was noted.</param>
internal readonly record struct WalSegmentHeader(
    ulong Sequence, ulong FirstIndex, uint Seed, uint PreambleEnd, uint PreviousEnd, uint PreviousCrc, uint FileBytes)
{
    internal const int Bytes = 64;
    internal const string Suffix = ".log";
    private const ulong Magic = 0x4c41577465447465; // arbitrary, and no other log format's
    internal const string OtherVersion = "format version";
    private const uint Version = 1;
    private const int CrcOffset = Bytes - sizeof(uint);

    internal string FileName => string.Create(CultureInfo.InvariantCulture, $"{Sequence:x16}-{FirstIndex:x16}{Suffix}");

    internal static bool TryParseName(string name, out ulong sequence, out ulong firstIndex)
    {
        sequence = firstIndex = 0;
        return name.Length == 33 + Suffix.Length && name[16] == '-' && name.EndsWith(Suffix, StringComparison.Ordinal)
            && ulong.TryParse(name.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, null, out sequence)
            && ulong.TryParse(name.AsSpan(17, 16), NumberStyles.AllowHexSpecifier, null, out firstIndex);
    }

    internal void Write(Span<byte> target)
    {
        target[..Bytes].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(target, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(target[8..], Version);
        BinaryPrimitives.WriteUInt64LittleEndian(target[16..], Sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(target[24..], FirstIndex);
        BinaryPrimitives.WriteUInt32LittleEndian(target[32..], Seed);
        BinaryPrimitives.WriteUInt32LittleEndian(target[36..], PreambleEnd);
        BinaryPrimitives.WriteUInt32LittleEndian(target[40..], PreviousEnd);
        BinaryPrimitives.WriteUInt32LittleEndian(target[44..], PreviousCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(target[48..], FileBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(target[CrcOffset..], Crc32C.Compute(target[..CrcOffset]));
    }

    /// <summary>Null when all is well, otherwise what is wrong.</summary>
    internal static string? TryRead(ReadOnlySpan<byte> source, out WalSegmentHeader header)
    {
        header = default;
        if (source.Length < Bytes)
            return $"the file ends inside its header ({source.Length} bytes)";
        if (BinaryPrimitives.ReadUInt64LittleEndian(source) != Magic)
            return "the header's magic number is wrong";
        if (BinaryPrimitives.ReadUInt32LittleEndian(source[CrcOffset..]) != Crc32C.Compute(source[..CrcOffset]))
            return "the header's checksum is wrong";
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(source[8..]);
        if (version != Version)
            return $"{OtherVersion} {version} is not {Version}, the one that this program knows";
        header = new WalSegmentHeader(
            BinaryPrimitives.ReadUInt64LittleEndian(source[16..]), BinaryPrimitives.ReadUInt64LittleEndian(source[24..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[32..]), BinaryPrimitives.ReadUInt32LittleEndian(source[36..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[40..]), BinaryPrimitives.ReadUInt32LittleEndian(source[44..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[48..]));
        return null;
    }
}
