namespace EtcdNet.Storage.Disk;

/// <summary>
/// Port to a file system, reduced to what durability needs. Everything is synchronous: a caller that must not wait runs it
/// on its own thread. The simulated twin loses what was not synced, so every rule about ordering can be tested.
/// Any thread may call it; one <see cref="IDiskFile"/> is written by one thread at a time.
/// </summary>
/// <remarks>
/// A failed write, allocation, sync, rename or delete throws <see cref="DiskFailedException"/>, and from then on every
/// further change on the same disk throws it too: the kernel may have dropped the dirty pages, so a second fsync that
/// succeeds proves nothing.
/// </remarks>
public interface IDisk
{
    /// <summary>Opens a file.</summary>
    /// <exception cref="FileNotFoundException">It does not exist and the mode does not make it.</exception>
    IDiskFile Open(string path, DiskOpenMode mode);

    /// <summary>True when a file (not a directory) of this name exists.</summary>
    bool FileExists(string path);

    /// <summary>True when a directory of this name exists.</summary>
    bool DirectoryExists(string path);

    /// <summary>Makes a directory (mode 0700) below an existing one. No error when it is there.</summary>
    void CreateDirectory(string path);

    /// <summary>Names (without the path) of everything in a directory, in ordinal order.</summary>
    IReadOnlyList<string> List(string directory);

    /// <summary>Renames a file, replacing the target at once. Durable after <see cref="SyncDirectory"/>.</summary>
    void Rename(string from, string to);

    /// <summary>Removes a file. No error when there is none. Durable after <see cref="SyncDirectory"/>.</summary>
    void Delete(string path);

    /// <summary>Removes an empty directory. No error when there is none.</summary>
    void DeleteDirectory(string path);

    /// <summary>Makes the names in a directory durable.</summary>
    void SyncDirectory(string path);

    /// <summary>Bytes that this process may still write on the directory's file system.</summary>
    long FreeBytes(string directory);

    /// <summary>Files that may still be made on the directory's file system; <see cref="long.MaxValue"/> where they are not counted.</summary>
    long FreeFiles(string directory);

    /// <summary>Takes an exclusive lock that dies with the process. Null when somebody else holds it.</summary>
    IDisposable? TryLock(string path);
}

/// <summary>How a file is opened.</summary>
public enum DiskOpenMode
{
    /// <summary>The file must exist; reading only.</summary>
    Read,

    /// <summary>The file must exist; reading and writing.</summary>
    ReadWrite,

    /// <summary>Made anew (mode 0600), emptied when it exists.</summary>
    Create,
}

/// <summary>An open file.</summary>
public interface IDiskFile : IDisposable
{
    /// <summary>Its name as opened.</summary>
    string Path { get; }

    /// <summary>Size in bytes.</summary>
    long Length { get; }

    /// <summary>Fills the buffer from an offset. Stops early only at the end of the file.</summary>
    /// <returns>Bytes read.</returns>
    int Read(long offset, Span<byte> buffer);

    /// <summary>Writes all bytes at an offset.</summary>
    void Write(long offset, ReadOnlySpan<byte> bytes);

    /// <summary>Returns when data and size are on the medium (fdatasync).</summary>
    void Sync();

    /// <summary>Makes the file at least this long with blocks that are really reserved and read as zero.</summary>
    void Allocate(long length);

    /// <summary>Cuts or extends the file.</summary>
    void SetLength(long length);
}
