using EtcdNet.Storage.Disk;

namespace EtcdNet.Testing;

/// <summary>What a power cut does to a write that was not synced.</summary>
public enum TornWrites
{
    /// <summary>Everything that was not synced is gone.</summary>
    LoseAll,

    /// <summary>Each 512-byte sector of it is kept or lost on its own, and each unsynced name change too.</summary>
    LoseSectors,
}

/// <summary>
/// A disk in memory that forgets what was not synced when it is told to crash. Files are separate from names: a new name
/// is lost unless the directory was synced. Faults can be planted. Threads may share it.
/// </summary>
public sealed partial class SimDisk : IDisk
{
    private const int SectorBytes = 512;
    private readonly Lock _lock = new();
    private Dictionary<string, SimFile> _names = new(StringComparer.Ordinal);
    private Dictionary<string, SimFile> _durableNames = new(StringComparer.Ordinal);
    private readonly HashSet<string> _directories = new(StringComparer.Ordinal) { "/" };
    private readonly HashSet<string> _locks = new(StringComparer.Ordinal);
    private readonly List<(string Operation, string Path)> _refused = [];
    private DiskFailedException? _failure;
    private int _incarnation;

    /// <summary>Called before every change with the operation's name and the path; may throw to plant a fault.</summary>
    public Action<string, string>? BeforeChange { get; set; }

    /// <summary>Changes made so far, faults included.</summary>
    public long Changes { get; private set; }

    /// <summary>The failure after which every change is refused; null while there was none.</summary>
    public DiskFailedException? StoppedBy
    {
        get
        {
            lock (_lock)
                return _failure;
        }
    }

    /// <summary>Operations that were tried after <see cref="StoppedBy"/>, and refused.</summary>
    public IReadOnlyList<(string Operation, string Path)> Refused
    {
        get
        {
            lock (_lock)
                return [.. _refused];
        }
    }

    /// <summary>What <see cref="FreeBytes"/> answers.</summary>
    public long Free { get; set; } = long.MaxValue;

    /// <summary>What <see cref="FreeFiles"/> answers.</summary>
    public long FilesLeft { get; set; } = long.MaxValue;

    /// <summary>Called before every read of a file with its path and offset; may throw an <see cref="IOException"/>.</summary>
    public Action<string, long>? BeforeRead { get; set; }

    /// <summary>Power cut: open files are dead, what was not synced is lost as far as the seed says.</summary>
    public void Crash(Random random, TornWrites torn = TornWrites.LoseSectors)
    {
        lock (_lock)
        {
            Kill();
            foreach (SimFile file in _names.Values.Concat(_durableNames.Values).Distinct().ToList())
                file.Crash(random, torn);
            foreach (string path in _names.Keys.Union(_durableNames.Keys).ToList())
            {
                _names.TryGetValue(path, out SimFile? now);
                _durableNames.TryGetValue(path, out SimFile? durable);
                bool keepNew = torn == TornWrites.LoseSectors && random.Next(2) == 0;
                SimFile? survivor = ReferenceEquals(now, durable) || keepNew ? now : durable;
                if (survivor is null)
                    _durableNames.Remove(path);
                else
                    _durableNames[path] = survivor;
            }

            _names = new Dictionary<string, SimFile>(_durableNames, StringComparer.Ordinal);
        }
    }

    /// <summary>
    /// kill -9 of the process: open files are dead and locks are free, but the kernel still holds what was written and not
    /// synced, and a power cut may still take it.
    /// </summary>
    public void Kill()
    {
        lock (_lock)
        {
            _incarnation++;
            _failure = null;
            _locks.Clear();
            BeforeChange = null;
            BeforeRead = null;
        }
    }

    /// <summary>A copy of what is on it now; nothing counts as unsynced there.</summary>
    public SimDisk Clone()
    {
        lock (_lock)
        {
            var copy = new SimDisk();
            copy._directories.UnionWith(_directories);
            foreach ((string path, SimFile file) in _names)
                copy._names[path] = copy._durableNames[path] = file.Copy();
            return copy;
        }
    }

    /// <summary>Changes bytes behind everybody's back (bit rot).</summary>
    public void Corrupt(string path, Action<byte[]> change)
    {
        lock (_lock)
            _names[path].Corrupt(change);
    }

    /// <summary>Puts a file in place behind everybody's back, as somebody who copies files does.</summary>
    public void Put(string path, byte[] bytes)
    {
        lock (_lock)
        {
            if (!_names.TryGetValue(path, out SimFile? file))
                _names[path] = _durableNames[path] = file = new SimFile();
            file.Replace(bytes);
        }
    }

    /// <summary>Removes a file behind everybody's back.</summary>
    public void Lose(string path)
    {
        lock (_lock)
        {
            _names.Remove(path);
            _durableNames.Remove(path);
        }
    }

    /// <summary>Paths of all files, in ordinal order.</summary>
    public IReadOnlyList<string> Files()
    {
        lock (_lock)
            return [.. _names.Keys.Order(StringComparer.Ordinal)];
    }

    /// <summary>Bytes of a file.</summary>
    public byte[] Bytes(string path)
    {
        lock (_lock)
            return _names[path].ToArray();
    }

    /// <inheritdoc/>
    public IDiskFile Open(string path, DiskOpenMode mode)
    {
        lock (_lock)
        {
            if (mode == DiskOpenMode.Create)
            {
                Change("open", path);
                var made = new SimFile();
                _names[path] = made;
                return new Handle(this, path, made, _incarnation);
            }

            return _names.TryGetValue(path, out SimFile? file)
                ? new Handle(this, path, file, _incarnation)
                : throw new FileNotFoundException($"{path} does not exist", path);
        }
    }

    /// <inheritdoc/>
    public bool FileExists(string path)
    {
        lock (_lock)
            return _names.ContainsKey(path);
    }

    /// <inheritdoc/>
    public bool DirectoryExists(string path)
    {
        lock (_lock)
            return _directories.Contains(path);
    }

    /// <inheritdoc/>
    /// <remarks>Directories are durable at once: the rules that are tested are those of files.</remarks>
    public void CreateDirectory(string path)
    {
        lock (_lock)
        {
            Change("mkdir", path);
            _directories.Add(path);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> List(string directory)
    {
        lock (_lock)
        {
            return [.. _names.Keys.Concat(_directories).Where(path => path != "/" && Path.GetDirectoryName(path) == directory)
                .Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        }
    }

    /// <inheritdoc/>
    public void Rename(string from, string to)
    {
        lock (_lock)
        {
            Change("rename", from);
            _names[to] = _names[from];
            _names.Remove(from);
        }
    }

    /// <inheritdoc/>
    public void Delete(string path)
    {
        lock (_lock)
        {
            Change("unlink", path);
            _names.Remove(path);
        }
    }

    /// <inheritdoc/>
    public void DeleteDirectory(string path)
    {
        lock (_lock)
        {
            Change("rmdir", path);
            _directories.Remove(path);
        }
    }

    /// <inheritdoc/>
    public void SyncDirectory(string path)
    {
        lock (_lock)
        {
            Change("fsync", path);
            foreach (string gone in _durableNames.Keys.Where(name => Path.GetDirectoryName(name) == path && !_names.ContainsKey(name)).ToList())
                _durableNames.Remove(gone);
            foreach ((string name, SimFile file) in _names)
            {
                if (Path.GetDirectoryName(name) == path)
                    _durableNames[name] = file;
            }
        }
    }

    /// <inheritdoc/>
    public long FreeBytes(string directory) => Free;

    /// <inheritdoc/>
    public long FreeFiles(string directory) => FilesLeft;

    /// <inheritdoc/>
    public IDisposable? TryLock(string path)
    {
        lock (_lock)
        {
            if (!_locks.Add(path))
                return null;
            if (!_names.ContainsKey(path))
                _names[path] = _durableNames[path] = new SimFile();
            return new Unlock(this, path);
        }
    }

    private void Change(string operation, string path)
    {
        if (_failure is not null)
        {
            _refused.Add((operation, path));
            throw new DiskFailedException(_failure.Operation, _failure.Path, "an earlier failure stopped this disk", _failure);
        }

        Changes++;
        try
        {
            BeforeChange?.Invoke(operation, path);
        }
        catch (DiskFailedException e)
        {
            _failure = e;
            throw;
        }
    }

    private sealed class Unlock(SimDisk disk, string path) : IDisposable
    {
        public void Dispose()
        {
            lock (disk._lock)
                disk._locks.Remove(path);
        }
    }
}
