using System.Globalization;
using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage.Checkpoints;

/// <summary>
/// The manifests of a data directory and the store directories they belong to. Two checkpoints are kept; the older one is
/// removed only when there are two newer ones that were read back. Not for several threads at once.
/// </summary>
public sealed class CheckpointStore
{
    private const int Kept = 2;
    private readonly IDisk _disk;
    private readonly string _directory;
    private readonly string _storeRoot;
    private readonly List<Checkpoint> _checkpoints = [];
    private readonly List<string> _problems = [];
    private ulong _lastSequence;
    private ulong _lastGeneration;
    private ulong _madeGeneration;

    /// <summary>Reads what is there; a manifest that cannot be used is listed in <see cref="Problems"/> and left alone.</summary>
    public CheckpointStore(IDisk disk, string checkpointDirectory, string storeRoot)
    {
        (_disk, _directory, _storeRoot) = (disk, checkpointDirectory, storeRoot);
        foreach (string name in disk.List(checkpointDirectory))
            Load(name);
        foreach (string name in disk.List(storeRoot))
        {
            if (ulong.TryParse(name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong generation))
                _lastGeneration = Math.Max(_lastGeneration, generation);
        }

        _checkpoints.Sort((a, b) => b.Sequence.CompareTo(a.Sequence));
    }

    /// <summary>Checkpoints to start from, newest first.</summary>
    public IReadOnlyList<Checkpoint> Candidates => _checkpoints;

    /// <summary>Manifests that could not be read, each a sentence that names the file.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>
    /// Lowest index the write-ahead log has to keep: the one after the older kept checkpoint, or 1 while there are fewer
    /// than two.
    /// </summary>
    public ulong LowestNeededIndex => _checkpoints.Count < Kept ? 1 : _checkpoints[^1].Image.AppliedIndex + 1;

    /// <summary>
    /// A recovered checkpoint was found good and writing begins on top of it: newer ones are removed before their files
    /// change, and so are store directories that no checkpoint needs.
    /// </summary>
    public void Accept(Checkpoint checkpoint)
    {
        RemoveNewerThan(checkpoint.Sequence);
        RemoveUnneededStores(checkpoint.Generation);
    }

    /// <summary>The member starts from its log alone, from the first entry on: every manifest is removed.</summary>
    public void AcceptNone()
    {
        // Sequences begin at 1.
        RemoveNewerThan(0);
    }

    /// <summary>Makes the directory of a new store; older ones stay until no checkpoint needs them.</summary>
    public (ulong Generation, string Directory) NewGeneration()
    {
        _lastGeneration++;
        _madeGeneration = _lastGeneration;
        string directory = StoreDirectory(_storeRoot, _lastGeneration);
        _disk.CreateDirectoryDurably(directory);
        return (_lastGeneration, directory);
    }

    /// <summary>Removes the directories of stores that no checkpoint, not the running member and not an install in progress needs.</summary>
    public void RemoveUnneededStores(ulong current)
    {
        foreach (string name in _disk.List(_storeRoot))
        {
            if (!ulong.TryParse(name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong generation)
                || generation == current || generation == _madeGeneration || _checkpoints.Exists(known => known.Generation == generation))
                continue;
            string directory = Path.Combine(_storeRoot, name);
            foreach (string file in _disk.List(directory))
                _disk.Delete(Path.Combine(directory, file));
            _disk.DeleteDirectory(directory);
            _disk.SyncDirectory(_storeRoot);
        }
    }

    internal static string StoreDirectory(string storeRoot, ulong generation) =>
        Path.Combine(storeRoot, generation.ToString("x16", CultureInfo.InvariantCulture));

    internal ulong NextSequence() => ++_lastSequence;

    /// <summary>Stores a manifest, reads it back, and only then removes what is older than the two newest.</summary>
    internal void Add(Checkpoint checkpoint)
    {
        byte[] bytes = CheckpointManifest.Encode(checkpoint);
        string path = Path.Combine(_directory, CheckpointManifest.FileName(checkpoint.Sequence));
        _disk.Replace(path, bytes);
        if (!_disk.ReadAll(path, CheckpointManifest.BytesMax).AsSpan().SequenceEqual(bytes))
            throw new DiskFailedException("read back", path, "the manifest is not what was written");
        _checkpoints.Insert(0, checkpoint);
        while (_checkpoints.Count > Kept)
        {
            _disk.Delete(Path.Combine(_directory, CheckpointManifest.FileName(_checkpoints[^1].Sequence)));
            _checkpoints.RemoveAt(_checkpoints.Count - 1);
        }

        _disk.SyncDirectory(_directory);
    }

    private void RemoveNewerThan(ulong accepted)
    {
        foreach (string name in _disk.List(_directory))
        {
            if (CheckpointManifest.TryParseName(name, out ulong sequence) && sequence > accepted)
                _disk.Delete(Path.Combine(_directory, name));
        }

        _disk.SyncDirectory(_directory);
        _checkpoints.RemoveAll(known => known.Sequence > accepted);
    }

    private void Load(string name)
    {
        string path = Path.Combine(_directory, name);
        if (name.EndsWith(DiskExtensions.TemporarySuffix, StringComparison.Ordinal))
        {
            _disk.Delete(path);
            return;
        }

        if (!CheckpointManifest.TryParseName(name, out ulong sequence))
        {
            _problems.Add($"{path} is no file of EtcdNet");
            return;
        }

        _lastSequence = Math.Max(_lastSequence, sequence);
        string problem;
        try
        {
            Checkpoint? checkpoint = CheckpointManifest.Decode(_disk.ReadAll(path, CheckpointManifest.BytesMax), _storeRoot, out problem);
            if (checkpoint is not null && checkpoint.Sequence == sequence)
            {
                _checkpoints.Add(checkpoint);
                return;
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            problem = e.Message;
        }

        _problems.Add($"{path}: {(problem.Length > 0 ? problem : "it belongs to another checkpoint")}");
    }
}
