namespace EtcdNet.Storage.Disk;

/// <summary>Steps made of several disk operations.</summary>
public static class DiskExtensions
{
    /// <summary>Suffix of files that are being made. Such a file is never read and may be deleted at any start.</summary>
    public const string TemporarySuffix = ".tmp";

    /// <summary>
    /// Puts a whole file in place so that a crash leaves the old one or the new one: temporary name, write, sync, rename,
    /// directory sync.
    /// </summary>
    public static void Replace(this IDisk disk, string path, ReadOnlySpan<byte> bytes)
    {
        string temporary = path + TemporarySuffix;
        using (IDiskFile file = disk.Open(temporary, DiskOpenMode.Create))
        {
            file.Write(0, bytes);
            file.Sync();
        }

        disk.Rename(temporary, path);
        disk.SyncDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>Reads a whole file of at most <paramref name="limit"/> bytes.</summary>
    /// <exception cref="InvalidDataException">The file is larger than that.</exception>
    public static byte[] ReadAll(this IDisk disk, string path, int limit)
    {
        using IDiskFile file = disk.Open(path, DiskOpenMode.Read);
        long length = file.Length;
        if (length > limit)
            throw new InvalidDataException($"{path} has {length} bytes, more than the {limit} it may have");
        byte[] bytes = new byte[length];
        int read = file.Read(0, bytes);
        return read == bytes.Length ? bytes : bytes[..read];
    }

    /// <summary>Makes a directory and the name of it durable.</summary>
    public static void CreateDirectoryDurably(this IDisk disk, string path)
    {
        disk.CreateDirectory(path);
        disk.SyncDirectory(path);
        disk.SyncDirectory(Path.GetDirectoryName(path)!);
    }
}
