namespace EtcdNet.Storage.Disk;

/// <summary>
/// Keeps a reserve of free space and of free files (inodes), so that neither the log nor the store ever meets "no space
/// left": requests that grow the data are refused before they are proposed. Asks the file system at most once per interval.
/// Log and store may be on different disks: both need it. Any thread.
/// </summary>
public sealed class DiskSpaceGuard(IDisk disk, IReadOnlyList<string> directories, long reserveBytes, TimeProvider time)
{
    /// <summary>Two log segments, the store's memory, and as much again for manifests and what is under way.</summary>
    public const long ReserveBytesDefault = 256L << 20;

    /// <summary>Log segments, store files and manifests that may be made before a refusal takes effect, and some more.</summary>
    public const long ReserveFiles = 32;

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private long _askedAt = long.MinValue;
    private bool _hasRoom;

    /// <summary>False: refuse what grows the data; deletions, compaction and reads go on.</summary>
    public bool HasRoom
    {
        get
        {
            lock (_lock)
            {
                long now = time.GetTimestamp();
                if (_askedAt == long.MinValue || time.GetElapsedTime(_askedAt, now) >= s_interval)
                {
                    _hasRoom = directories.All(directory => disk.FreeBytes(directory) >= reserveBytes && disk.FreeFiles(directory) >= ReserveFiles);
                    _askedAt = now;
                }

                return _hasRoom;
            }
        }
    }
}
