using System.Buffers.Binary;
using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage.WriteAhead;

/// <summary>
/// A second witness of where the log ends: a small file beside the segments that says up to where the newest one was on
/// the disk. It is written after each sync and is itself synced only at a clean stop, so it costs no write that anybody
/// waits for, never says too much, and is at most as old as the kernel's write-back. With it a log whose end was wiped out
/// is told from one that was never longer: exactly after a process was killed, and up to the last write-back after a
/// power cut.
/// </summary>
/// <remarks>
/// Two slots of one sector each are used in turn, so that a torn write leaves the other one. Little endian: magic 8,
/// sequence 8, end 8, seed of the segment 4, CRC-32C 4. Without a readable slot the log is judged by itself alone.
/// </remarks>
internal sealed class WalSyncedMark : IDisposable
{
    internal const string FileName = "synced";
    private const int SlotBytes = 512;
    private const int UsedBytes = 32;
    private const int FileBytes = 2 * SlotBytes;
    private const ulong Magic = 0x6b72614d6c617744;
    private readonly IDiskFile _file;
    private readonly byte[] _slot = new byte[UsedBytes];
    private int _next;

    private WalSyncedMark(IDiskFile file) => _file = file;

    /// <summary>Opens the mark of a log, or makes a new one when it is missing or of another size.</summary>
    internal static WalSyncedMark Open(IDisk disk, string directory)
    {
        string path = Path.Combine(directory, FileName);
        if (!disk.FileExists(path) || LengthOf(disk, path) != FileBytes)
            disk.Replace(path, new byte[FileBytes]);
        return new WalSyncedMark(disk.Open(path, DiskOpenMode.ReadWrite));
    }

    /// <summary>What the mark says; null when it says nothing.</summary>
    /// <param name="disk">Where it is.</param>
    /// <param name="directory">The log's directory.</param>
    /// <param name="problem">Why nothing can be read from it, although it was written; otherwise null.</param>
    internal static WalSyncedPlace? Read(IDisk disk, string directory, out string? problem)
    {
        problem = null;
        string path = Path.Combine(directory, FileName);
        if (!disk.FileExists(path))
        {
            problem = $"{path} is missing; the end of the log is judged without it";
            return null;
        }

        byte[] bytes = new byte[FileBytes];
        using (IDiskFile file = disk.Open(path, DiskOpenMode.Read))
            file.Read(0, bytes);
        WalSyncedPlace? newest = null;
        for (int slot = 0; slot < FileBytes; slot += SlotBytes)
        {
            if (Decode(bytes.AsSpan(slot, UsedBytes)) is { } place && (newest is not { } known || place.IsBehind(known)))
                newest = place;
        }

        if (newest is null && bytes.AsSpan().ContainsAnyExcept((byte)0))
            problem = $"{path} is damaged; the end of the log is judged without it";
        return newest;
    }

    /// <summary>Notes what a sync that has returned put on the disk.</summary>
    internal void Note(in WalSyncedPlace place)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_slot, Magic);
        BinaryPrimitives.WriteUInt64LittleEndian(_slot.AsSpan(8), place.Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(_slot.AsSpan(16), place.End);
        BinaryPrimitives.WriteUInt32LittleEndian(_slot.AsSpan(24), place.Seed);
        BinaryPrimitives.WriteUInt32LittleEndian(_slot.AsSpan(28), Crc32C.Compute(_slot.AsSpan(0, 28)));
        _file.Write(_next, _slot);
        _next = SlotBytes - _next;
    }

    /// <summary>Makes the mark durable.</summary>
    internal void Sync() => _file.Sync();

    public void Dispose() => _file.Dispose();

    private static long LengthOf(IDisk disk, string path)
    {
        using IDiskFile file = disk.Open(path, DiskOpenMode.Read);
        return file.Length;
    }

    private static WalSyncedPlace? Decode(ReadOnlySpan<byte> slot)
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(slot) != Magic || BinaryPrimitives.ReadUInt32LittleEndian(slot[28..]) != Crc32C.Compute(slot[..28]))
            return null;
        return new WalSyncedPlace(
            BinaryPrimitives.ReadUInt64LittleEndian(slot[8..]), BinaryPrimitives.ReadInt64LittleEndian(slot[16..]),
            BinaryPrimitives.ReadUInt32LittleEndian(slot[24..]));
    }
}

/// <summary>A place in the log; everything before it is on the disk.</summary>
/// <param name="Sequence">Of the segment.</param>
/// <param name="End">Offset in it.</param>
/// <param name="Seed">Of the segment: no place in another log.</param>
internal readonly record struct WalSyncedPlace(ulong Sequence, long End, uint Seed)
{
    internal bool IsBehind(in WalSyncedPlace other) => Sequence > other.Sequence || (Sequence == other.Sequence && End > other.End);
}
