using System.Buffers.Binary;
using EtcdNet.Storage;
using EtcdNet.Testing;

namespace EtcdNet.Server.Tests.Damage;

/// <summary>What can happen to a file.</summary>
internal enum BlowKind
{
    /// <summary>One byte is another.</summary>
    FlippedByte,

    /// <summary>A sector of 512 bytes is zero.</summary>
    Zeroed512,

    /// <summary>A block of 4 KiB is zero.</summary>
    Zeroed4096,

    /// <summary>Two sectors have changed places.</summary>
    Swapped512,

    /// <summary>Two blocks of 4 KiB have changed places.</summary>
    Swapped4096,

    /// <summary>The file has no bytes.</summary>
    Emptied,

    /// <summary>The file ends too early.</summary>
    CutShort,

    /// <summary>From some place on the file is zero, as if it had not been written yet.</summary>
    ZeroedFrom,

    /// <summary>The file is gone.</summary>
    Removed,

    /// <summary>The file is as it was some time ago.</summary>
    OlderCopy,

    /// <summary>The file says that it has a format of the future, and its checksum is right.</summary>
    OtherVersion,
}

/// <summary>Strikes files of a disk that nobody has open.</summary>
internal static class Blow
{
    public static readonly BlowKind[] Kinds = Enum.GetValues<BlowKind>();

    /// <summary>Damages a file. False when this cannot happen to it or would change nothing.</summary>
    public static bool Strike(SimDisk disk, string path, BlowKind kind, LeftBehind from, Random random)
    {
        byte[] before = disk.Bytes(path);
        byte[] after = (byte[])before.Clone();
        switch (kind)
        {
            case BlowKind.Removed:
                disk.Lose(path);
                return true;
            case BlowKind.Emptied:
                after = [];
                break;
            case BlowKind.CutShort:
                after = before[..random.Next(before.Length + 1)];
                break;
            case BlowKind.OlderCopy:
                SimDisk[] holders = [.. from.Older.Where(old => old.FileExists(path))];
                if (holders.Length == 0)
                    return false;
                after = holders[random.Next(holders.Length)].Bytes(path);
                break;
            case BlowKind.OtherVersion:
                if (!SetVersion(path, after))
                    return false;
                break;
            default:
                ChangeBytes(after, kind, random);
                break;
        }

        disk.Put(path, after);
        return !before.AsSpan().SequenceEqual(after);
    }

    /// <summary>Bytes of a file in which anything but zeros was written.</summary>
    public static int UsedBytes(ReadOnlySpan<byte> bytes) => bytes.LastIndexOfAnyExcept((byte)0) + 1;

    private static void ChangeBytes(byte[] bytes, BlowKind kind, Random random)
    {
        int used = UsedBytes(bytes);
        if (used == 0)
            return;
        int block = kind is BlowKind.Zeroed4096 or BlowKind.Swapped4096 ? 4096 : 512;
        int blocks = (used + block - 1) / block;
        switch (kind)
        {
            case BlowKind.FlippedByte:
                bytes[random.Next(used)] ^= (byte)(1 << random.Next(8));
                break;
            case BlowKind.ZeroedFrom:
                bytes.AsSpan(random.Next(used)).Clear();
                break;
            case BlowKind.Zeroed512 or BlowKind.Zeroed4096:
                BlockOf(bytes, random.Next(blocks), block).Clear();
                break;
            default:
                Span<byte> one = BlockOf(bytes, random.Next(blocks), block);
                Span<byte> other = BlockOf(bytes, random.Next(blocks), block);
                int length = Math.Min(one.Length, other.Length);
                byte[] kept = one[..length].ToArray();
                other[..length].CopyTo(one);
                kept.CopyTo(other);
                break;
        }
    }

    private static Span<byte> BlockOf(byte[] bytes, int number, int block) =>
        bytes.AsSpan(number * block, Math.Min(block, bytes.Length - number * block));

    private static bool SetVersion(string path, byte[] bytes)
    {
        const uint Future = 77;
        (int version, int crc) = Path.GetFileName(path) switch
        {
            "format" => (bytes.Length - 12, bytes.Length - 4),
            var name when name.EndsWith(".manifest", StringComparison.Ordinal) => (8, bytes.Length - 4),
            var name when name.EndsWith(".log", StringComparison.Ordinal) => (8, 60),
            _ => (-1, 0),
        };
        if (version < 0 || bytes.Length < Math.Max(crc, version) + sizeof(uint))
            return false;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(version), Future);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(crc), Crc32C.Compute(bytes.AsSpan(0, crc)));
        return true;
    }
}
