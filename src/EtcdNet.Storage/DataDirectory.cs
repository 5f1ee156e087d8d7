using EtcdNet.Storage.Checkpoints;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Storage;

/// <summary>
/// A member's data directory, locked against other processes:
/// <code>
/// data-dir/member/format        version marker with checksum
/// data-dir/member/lock          held with flock while the process lives
/// data-dir/member/wal/          write-ahead log, and "synced", the mark of its end; not there with --wal-dir
/// data-dir/member/log-directory where the log is with --wal-dir (<see cref="LogPlace"/>)
/// data-dir/member/store/        files of the revision store, one directory per generation
/// data-dir/member/checkpoint/   manifests
/// </code>
/// Directories have mode 0700, files 0600. Whatever is not ours is refused and never touched.
/// </summary>
/// <remarks>
/// The marker has two states. "Being made" is written before the first file of the log, "ready" after it, so that a first
/// start that was interrupted can begin again, while a log that is missing later is told apart and refused: a member that
/// forgot its log could vote twice.
/// </remarks>
public sealed class DataDirectory : IDisposable
{
    private const string MarkerName = "format";
    private const string LockName = "lock";
    private static readonly string[] s_subdirectories = ["wal", "store", "checkpoint"];

    // Names that others may put beside member/: certificates made by --auto-tls, file systems' own.
    private static readonly string[] s_neighbours = ["member", "fixtures", "lost+found"];

    private readonly IDisk _disk;
    private readonly IDisposable _lock;
    private readonly LogPlace _log;

    private DataDirectory(IDisk disk, string root, string? logDirectory, IDisposable @lock)
    {
        (_disk, Root, _lock) = (disk, root, @lock);
        Member = Path.Combine(root, "member");
        _log = LogPlace.Open(disk, Member, logDirectory);
        Store = Path.Combine(Member, "store");
        Checkpoint = Path.Combine(Member, "checkpoint");
    }

    /// <summary>The value of --data-dir as a full path.</summary>
    public string Root { get; }

    /// <summary>Directory of everything that belongs to the member.</summary>
    public string Member { get; }

    /// <summary>Directory of the write-ahead log.</summary>
    public string Wal => _log.Directory;

    /// <summary>Directory of the revision store.</summary>
    public string Store { get; }

    /// <summary>Directory of the checkpoint manifests.</summary>
    public string Checkpoint { get; }

    /// <summary>True until <see cref="CompleteInitialisation"/>: no member has ever run here.</summary>
    public bool IsNew { get; private set; }

    /// <summary>True when a member's data is there, judged without locking or changing anything.</summary>
    public static bool HasMember(IDisk disk, string path)
    {
        string marker = Path.Combine(Path.GetFullPath(path), "member", MarkerName);
        return disk.FileExists(marker) && DataDirectoryMarker.Read(disk, marker) == DataDirectoryMarker.State.Ready;
    }

    /// <summary>Opens and locks a directory, and makes what is missing when it is new.</summary>
    /// <param name="disk">Where it is.</param>
    /// <param name="path">The value of --data-dir.</param>
    /// <param name="logDirectory">The value of --wal-dir; null: the log is in the data directory.</param>
    /// <exception cref="DataDirectoryException">It belongs to somebody else, is in use, damaged or not accessible.</exception>
    public static DataDirectory Open(IDisk disk, string path, string? logDirectory = null)
    {
        string root = Path.GetFullPath(path);
        try
        {
            return OpenChecked(disk, root, logDirectory);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new DataDirectoryException($"data directory {root} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Call when the first log is on the disk. From then on a missing log is damage.</summary>
    public void CompleteInitialisation()
    {
        DataDirectoryMarker.Write(_disk, Path.Combine(Member, MarkerName), DataDirectoryMarker.State.Ready);
        IsNew = false;
    }

    /// <summary>Gives up the locks.</summary>
    public void Dispose()
    {
        _log.Dispose();
        _lock.Dispose();
    }

    private static DataDirectory OpenChecked(IDisk disk, string root, string? logDirectory)
    {
        if (disk.FileExists(root))
            throw new DataDirectoryException($"data directory {root} is a file, not a directory");
        MakeWithParents(disk, root);
        string member = Path.Combine(root, "member");
        RefuseForeign(disk, root, member);
        if (!disk.DirectoryExists(member))
            disk.CreateDirectoryDurably(member);
        IDisposable @lock = disk.TryLock(Path.Combine(member, LockName))
            ?? throw new DataDirectoryException($"data directory {root} is in use: another process holds the lock {Path.Combine(member, LockName)}");
        DataDirectory? directory = null;
        try
        {
            directory = new DataDirectory(disk, root, logDirectory, @lock);
            // Again: the log's directory may have been made in here, by another name of this one.
            RefuseForeign(disk, root, member);
            directory.Prepare();
            return directory;
        }
        catch
        {
            (directory ?? @lock).Dispose();
            throw;
        }
    }

    internal static void MakeWithParents(IDisk disk, string path)
    {
        if (disk.DirectoryExists(path))
            return;
        MakeWithParents(disk, Path.GetDirectoryName(path) ?? throw new DataDirectoryException($"directory {path} cannot be made"));
        disk.CreateDirectoryDurably(path);
    }

    private static void RefuseForeign(IDisk disk, string root, string member)
    {
        foreach (string name in disk.List(root))
        {
            if (!s_neighbours.Contains(name) && name[0] != '.')
                throw new DataDirectoryException($"data directory {root} holds {name}, which is no part of a member's data; give --data-dir a directory of its own");
        }

        if (!disk.DirectoryExists(member))
        {
            if (disk.FileExists(member))
                throw new DataDirectoryException($"{member} is a file, not a directory");
            return;
        }

        RefuseEtcd(disk, root, member);
        foreach (string name in disk.List(member))
        {
            if (name is not (MarkerName or MarkerName + DiskExtensions.TemporarySuffix or LockName or LogPlace.RecordName or LogPlace.RecordName + DiskExtensions.TemporarySuffix)
                && !s_subdirectories.Contains(name))
                throw new DataDirectoryException($"{member} holds {name}, which EtcdNet did not make; the directory is left as it is");
        }
    }

    private static void RefuseEtcd(IDisk disk, string root, string member)
    {
        string wal = Path.Combine(member, "wal");
        bool ofEtcd = disk.DirectoryExists(Path.Combine(member, "snap"))
            || (disk.DirectoryExists(wal) && disk.List(wal).Any(name => name.EndsWith(".wal", StringComparison.Ordinal)));
        if (ofEtcd)
        {
            throw new DataDirectoryException(
                $"{root} is a data directory of etcd (member/snap or member/wal/*.wal is there). EtcdNet cannot open it yet; nothing was changed. "
                + "Save a snapshot with etcdctl and restore it into a new directory, or let this member join with an empty directory");
        }
    }

    private void Prepare()
    {
        string marker = Path.Combine(Member, MarkerName);
        // A start that was killed may have left names that are not on the disk yet. What is read now is built upon.
        _disk.SyncDirectory(Root);
        _disk.SyncDirectory(Member);
        DataDirectoryMarker.State state = DataDirectoryMarker.Read(_disk, marker);
        if (state == DataDirectoryMarker.State.Missing)
            RefuseDataWithoutMarker(marker);
        if (state == DataDirectoryMarker.State.Ready)
            _log.Find();
        else
            _log.Found();
        foreach (string path in Parts)
        {
            if (state == DataDirectoryMarker.State.Ready && !_disk.DirectoryExists(path))
                throw new DataDirectoryException($"{path} is missing from a data directory that was in use. {DamageAdvice.Text}");
            if (!_disk.DirectoryExists(path))
                _disk.CreateDirectoryDurably(path);
        }

        if (state == DataDirectoryMarker.State.Ready)
            return;
        IsNew = true;
        if (state == DataDirectoryMarker.State.BeingMade)
            RefuseDataUnderYoungMarker(marker);
        DataDirectoryMarker.Write(_disk, marker, DataDirectoryMarker.State.BeingMade);
        foreach (string path in Parts)
            Empty(path);
    }

    private IReadOnlyList<string> Parts => [Wal, Store, Checkpoint];

    private void RefuseDataWithoutMarker(string marker)
    {
        foreach (string path in Parts)
        {
            if (_disk.DirectoryExists(path) && _disk.List(path).Count > 0)
                throw new DataDirectoryException($"{path} holds files, but the marker {marker} is missing; the directory is damaged or not of EtcdNet. {DamageAdvice.Text}");
        }
    }

    // The marker says "ready" before the first entry is written. Whoever finds entries under the other one looks at an old
    // copy of it; to begin anew would throw away a member's data.
    private void RefuseDataUnderYoungMarker(string marker)
    {
        string? found = _disk.List(Checkpoint).FirstOrDefault(name => CheckpointManifest.TryParseName(name, out _));
        if (found is not null)
            found = Path.Combine(Checkpoint, found);
        else if (_disk.List(Wal).Any(name => WalSegmentHeader.TryParseName(name, out _, out _))
            && WriteAhead.Wal.Read(_disk, Wal) is { LastIndex: > 0 } log)
            found = $"entry {log.LastIndex} in {log.EndFile}";
        if (found is not null)
            throw new DataDirectoryException($"{marker} says that the directory was never ready, but there is {found}: it is damaged or an old copy. {DamageAdvice.Text}");
    }

    // Left by a first start that did not finish: nothing in it was ever acknowledged.
    private void Empty(string directory)
    {
        foreach (string name in _disk.List(directory))
        {
            string path = Path.Combine(directory, name);
            if (_disk.DirectoryExists(path))
            {
                Empty(path);
                _disk.DeleteDirectory(path);
            }
            else
            {
                _disk.Delete(path);
            }
        }

        _disk.SyncDirectory(directory);
    }
}
