using System.Buffers.Binary;
using System.Globalization;
using EtcdNet.StateMachine;

namespace EtcdNet.Storage.Checkpoints;

/// <summary>The file of a checkpoint. Little endian: magic, version, fields in order, page sums, small state, CRC-32C over all before it.</summary>
internal static class CheckpointManifest
{
    internal const string Suffix = ".manifest";
    internal const int BytesMax = 1 << 30;
    private const ulong Magic = 0x504b434e74654374;
    private const uint Version = 1;
    private const int FixedBytes = 128;
    private const byte InstallFlag = 1;

    internal static string FileName(ulong sequence) => string.Create(CultureInfo.InvariantCulture, $"{sequence:x16}{Suffix}");

    internal static bool TryParseName(string name, out ulong sequence)
    {
        sequence = 0;
        return name.Length == 16 + Suffix.Length && name.EndsWith(Suffix, StringComparison.Ordinal)
            && ulong.TryParse(name.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, null, out sequence);
    }

    internal static byte[] Encode(Checkpoint checkpoint)
    {
        StateImage image = checkpoint.Image;
        byte[] bytes = new byte[FixedBytes + 4 * checkpoint.PageSums.Count + image.SmallState.Length + 4];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(12), (ushort)checkpoint.PageBits);
        bytes[14] = (byte)checkpoint.SegmentBits;
        bytes[15] = checkpoint.IsInstall ? InstallFlag : (byte)0;
        ReadOnlySpan<ulong> words =
        [
            checkpoint.Sequence, checkpoint.Generation, (ulong)checkpoint.BeginAddress, (ulong)checkpoint.TailAddress,
            (ulong)checkpoint.LiveBytes, image.AppliedIndex, image.AppliedTerm, (ulong)image.Revision, (ulong)image.CompactRevision,
            (ulong)image.FinishedCompactRevision, (ulong)image.RecordCount, image.RecordCrcSum,
            (ulong)checkpoint.PageSums.Count, (ulong)image.SmallState.Length,
        ];
        for (int i = 0; i < words.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16 + 8 * i), words[i]);
        int at = FixedBytes;
        foreach (uint sum in checkpoint.PageSums)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), sum);
            at += 4;
        }

        image.SmallState.Span.CopyTo(bytes.AsSpan(at));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - 4), Crc32C.Compute(bytes.AsSpan(0, bytes.Length - 4)));
        return bytes;
    }

    /// <summary>Null when the bytes are no manifest of this version or changed; then <paramref name="problem"/> says which.</summary>
    internal static Checkpoint? Decode(ReadOnlySpan<byte> bytes, string storeRoot, out string problem)
    {
        problem = "";
        if (bytes.Length < FixedBytes + 4 || BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic)
            problem = "it is no manifest";
        else if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[^4..]) != Crc32C.Compute(bytes[..^4]))
            problem = "its checksum does not match";
        else if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) != Version)
            problem = "its format version is not known";
        if (problem.Length > 0)
            return null;

        Span<ulong> words = stackalloc ulong[(FixedBytes - 16) / 8];
        for (int i = 0; i < words.Length; i++)
            words[i] = BinaryPrimitives.ReadUInt64LittleEndian(bytes[(16 + 8 * i)..]);
        uint[] sums = new uint[words[12]];
        for (int i = 0; i < sums.Length; i++)
            sums[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(FixedBytes + 4 * i)..]);
        byte[] small = bytes.Slice(FixedBytes + 4 * sums.Length, (int)words[13]).ToArray();
        return new Checkpoint
        {
            Sequence = words[0],
            Generation = words[1],
            StoreDirectory = CheckpointStore.StoreDirectory(storeRoot, words[1]),
            BeginAddress = (long)words[2],
            TailAddress = (long)words[3],
            LiveBytes = (long)words[4],
            PageBits = BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]),
            SegmentBits = bytes[14],
            IsInstall = (bytes[15] & InstallFlag) != 0,
            PageSums = sums,
            Image = new StateImage(words[5], words[6], (long)words[7], (long)words[8], (long)words[9], (long)words[10], words[11], small),
        };
    }
}
