using System.Buffers.Binary;
using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage;

/// <summary>The file that says "this is a data directory of EtcdNet, in this format": a line for humans, then version, state and CRC-32C.</summary>
internal static class DataDirectoryMarker
{
    private const uint Version = 1;
    private const int BytesMax = 4096;
    private static ReadOnlySpan<byte> Text => "EtcdNet data directory. Do not edit or delete.\n"u8;

    internal enum State
    {
        Missing = 0,
        BeingMade = 1,
        Ready = 2,
    }

    internal static void Write(IDisk disk, string path, State state)
    {
        byte[] bytes = new byte[Text.Length + 12];
        Text.CopyTo(bytes);
        Span<byte> fields = bytes.AsSpan(Text.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(fields, Version);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[4..], (uint)state);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[8..], Crc32C.Compute(bytes.AsSpan(0, bytes.Length - 4)));
        disk.Replace(path, bytes);
    }

    internal static State Read(IDisk disk, string path)
    {
        if (!disk.FileExists(path))
            return State.Missing;
        byte[] bytes;
        try
        {
            bytes = disk.ReadAll(path, BytesMax);
        }
        catch (InvalidDataException e)
        {
            throw new DataDirectoryException($"{path} is no marker of EtcdNet: {e.Message}. {DamageAdvice.Text}", e);
        }

        ReadOnlySpan<byte> fields = bytes.Length == Text.Length + 12 ? bytes.AsSpan(Text.Length) : default;
        if (fields.IsEmpty || BinaryPrimitives.ReadUInt32LittleEndian(fields[8..]) != Crc32C.Compute(bytes.AsSpan(0, bytes.Length - 4)))
            throw new DataDirectoryException($"{path} ({bytes.Length} bytes) is damaged or not of EtcdNet: its checksum does not match. {DamageAdvice.Text}");
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(fields);
        if (version != Version)
            throw new DataDirectoryException($"{path} says format version {version}; this program knows version {Version} only. {DamageAdvice.OtherVersion}");
        var state = (State)BinaryPrimitives.ReadUInt32LittleEndian(fields[4..]);
        return state is State.BeingMade or State.Ready ? state : throw new DataDirectoryException($"{path} says {state}, which no release writes. {DamageAdvice.Text}");
    }
}
