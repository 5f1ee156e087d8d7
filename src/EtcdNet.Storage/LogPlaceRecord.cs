using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage;

/// <summary>
/// What binds a data directory and a log directory of its own to each other. The data directory keeps it as
/// <c>member/log-directory</c>, the log directory as <c>owner</c>: a line for humans, the tokens, the path, CRC-32C.
/// </summary>
/// <param name="Token">The same on both sides; drawn anew at each start.</param>
/// <param name="Before">The token until this start; one that was interrupted between its writes is known by it.</param>
/// <param name="Path">Full path of the log directory.</param>
internal sealed record LogPlaceRecord(Guid Token, Guid Before, string Path)
{
    private const int TokenBytes = 16;
    private const int BytesMax = 8192;
    private static ReadOnlySpan<byte> Text => "EtcdNet log directory (--wal-dir). Do not edit or delete.\n"u8;

    internal static LogPlaceRecord New(string path, Guid before = default) => new(new Guid(RandomNumberGenerator.GetBytes(TokenBytes)), before, path);

    internal void Write(IDisk disk, string file)
    {
        byte[] path = Encoding.UTF8.GetBytes(Path);
        byte[] bytes = [.. Text, .. Token.ToByteArray(), .. Before.ToByteArray(), .. path, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(^4..), Crc32C.Compute(bytes.AsSpan(..^4)));
        disk.Replace(file, bytes);
    }

    /// <summary>Null when there is none.</summary>
    /// <exception cref="DataDirectoryException">It is damaged.</exception>
    internal static LogPlaceRecord? Read(IDisk disk, string file)
    {
        if (!disk.FileExists(file))
            return null;
        byte[] bytes;
        try
        {
            bytes = disk.ReadAll(file, BytesMax);
        }
        catch (InvalidDataException error)
        {
            throw new DataDirectoryException($"{file} is not of EtcdNet: {error.Message}. {DamageAdvice.Text}", error);
        }

        int fields = Text.Length;
        if (bytes.Length < fields + (2 * TokenBytes) + 4 || !bytes.AsSpan(0, fields).SequenceEqual(Text)
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(^4..)) != Crc32C.Compute(bytes.AsSpan(..^4)))
            throw new DataDirectoryException($"{file} ({bytes.Length} bytes) is damaged or not of EtcdNet: its checksum does not match. {DamageAdvice.Text}");
        return new LogPlaceRecord(
            new Guid(bytes.AsSpan(fields, TokenBytes)), new Guid(bytes.AsSpan(fields + TokenBytes, TokenBytes)),
            Encoding.UTF8.GetString(bytes.AsSpan((fields + (2 * TokenBytes))..^4)));
    }
}
