using EtcdNet.Raft;
using EtcdNet.StateMachine;
using EtcdNet.Storage.Checkpoints;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Faster;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Storage;

/// <summary>
/// All that a member stores, opened in the one right order: lock → newest checkpoint that proves itself → write-ahead log
/// that reaches back to it. First <see cref="Open"/>, then <see cref="Start"/>; afterwards the parts belong to their threads
/// (<see cref="Wal"/> to the log writer, <see cref="Backend"/> and <see cref="Checkpointer"/> to the applier).
/// </summary>
public sealed class MemberFiles : IDisposable
{
    private readonly IDisk _disk;
    private readonly DataDirectory _directory;
    private readonly MemberFilesOptions _options;
    private readonly CheckpointStore _checkpoints;
    private readonly List<string> _problems = [];
    private Wal? _wal;
    private WalContents? _contents;
    private (ulong From, WalReader Reader)? _read;
    private FasterBackend? _backend;
    private Checkpointer? _checkpointer;

    private MemberFiles(IDisk disk, DataDirectory directory, MemberFilesOptions options)
    {
        (_disk, _directory, _options) = (disk, directory, options);
        _checkpoints = new CheckpointStore(disk, directory.Checkpoint, directory.Store);
        _problems.AddRange(_checkpoints.Problems);
    }

    /// <summary>Builds a state machine from a store and throws when it is not what the checkpoint says. Called once for each attempt.</summary>
    /// <param name="backend">The store to read.</param>
    /// <param name="checkpoint">What it has to contain; null for an empty store and a log from its beginning.</param>
    public delegate void StateLoader(FasterBackend backend, Checkpoint? checkpoint);

    /// <summary>The locked directory.</summary>
    public DataDirectory Directory => _directory;

    /// <summary>True when no member has ever run here: <see cref="Start"/> needs to be told who it is.</summary>
    public bool IsNew => _directory.IsNew;

    /// <summary>What was wrong with checkpoints that were passed over; for the log.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>The checkpoint that was recovered; null when the log is replayed from its beginning.</summary>
    public Checkpoint? Recovered { get; private set; }

    /// <summary>The write-ahead log.</summary>
    public Wal Wal => _wal ?? throw NotStarted();

    /// <summary>What the log held at the start, until <see cref="ForgetContents"/>.</summary>
    public WalContents Contents => _contents ?? throw NotStarted();

    /// <summary>The revision store.</summary>
    public FasterBackend Backend => _backend ?? throw NotStarted();

    /// <summary>Makes checkpoints of <see cref="Backend"/>.</summary>
    public Checkpointer Checkpointer => _checkpointer ?? throw NotStarted();

    /// <summary>Locks the directory and looks at what is there; makes it when it is missing.</summary>
    /// <exception cref="DataDirectoryException">It cannot be used.</exception>
    public static MemberFiles Open(IDisk disk, string dataDirectory, MemberFilesOptions? options = null)
    {
        DataDirectory directory = DataDirectory.Open(disk, dataDirectory, options?.LogDirectory);
        try
        {
            return new MemberFiles(disk, directory, options ?? new MemberFilesOptions());
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>Recovers, or makes the first log of a new member.</summary>
    /// <param name="identity">Who a new member is; what an existing one must be, when given.</param>
    /// <param name="load">Builds the state machine.</param>
    /// <exception cref="WalDamagedException">The log is damaged.</exception>
    /// <exception cref="DataDirectoryException">No checkpoint can be used and the log does not reach back to the beginning.</exception>
    public void Start(WalMetadata? identity, StateLoader load)
    {
        if (IsNew)
        {
            WalMetadata metadata = identity ?? throw new InvalidOperationException("a new member needs an identity");
            _wal = Wal.Create(_disk, _directory.Wal, metadata, _options.Wal);
            _contents = new WalContents { Metadata = metadata, HardState = default, Entries = [], FirstIndex = 1, TornBytes = 0, EndFile = _directory.Wal, EndOffset = 0 };
            StartEmpty(load);
            _directory.CompleteInitialisation();
            return;
        }

        ReadLog(_checkpoints.Candidates.Count > 0 ? _checkpoints.Candidates[0].Image.AppliedIndex : 0);
        if (_read?.Reader.Problem is { } problem)
            _problems.Add(problem);
        RefuseShortLog();
        if (!_checkpoints.Candidates.Any(candidate => TryStart(candidate, load)))
            StartFromLogAlone(load);
        if (identity is { } expected && expected != Contents.Metadata)
            throw new DataDirectoryException($"{_directory.Root} belongs to member {Contents.Metadata.MemberId:x} of cluster {Contents.Metadata.ClusterId:x}, not to member {expected.MemberId:x} of cluster {expected.ClusterId:x}");
    }

    /// <summary>The stable log for Raft, with what was read from disk.</summary>
    /// <param name="confState">Configuration at the recovered checkpoint.</param>
    /// <param name="state">What was written to the log since; null for what was read.</param>
    /// <param name="more">Entries that were written behind what was read.</param>
    public EntryLog NewEntryLog(ConfState confState, HardState? state = null, IReadOnlyList<Entry>? more = null)
    {
        IReadOnlyList<Entry> entries = [.. Contents.Entries, .. more ?? []];
        EntryId before = default;
        if (Recovered is { } checkpoint && Contents.FirstIndex == checkpoint.Image.AppliedIndex + 1)
            before = new EntryId(checkpoint.Image.AppliedTerm, checkpoint.Image.AppliedIndex);
        else if (Contents.FirstIndex > 1)
            (before, entries) = (entries[0].Id, [.. entries.Skip(1)]); // the first one only tells its term
        // The commit index on disk may lag behind; what a checkpoint contains was committed.
        ulong applied = Recovered?.Image.AppliedIndex ?? 0;
        HardState last = state ?? Contents.HardState;
        return new EntryLog(last with { Commit = Math.Max(last.Commit, applied) }, confState, before, entries);
    }

    /// <summary>Lets go of <see cref="Contents"/>: the entries are in the <see cref="EntryLog"/>, which drops them in time.</summary>
    public void ForgetContents() => (_contents, _read) = (null, null);

    /// <summary>An empty store for a snapshot that the leader sends. The running one is not touched.</summary>
    public IncomingStore BeginInstall()
    {
        ulong generation;
        string directory;
        lock (_checkpoints) // a checkpoint of the running store may be in the background
            (generation, directory) = _checkpoints.NewGeneration();
        FasterBackend backend = FasterBackend.Create(_disk, directory, _options.Faster);
        return new IncomingStore(backend, new Checkpointer(_checkpoints, backend, generation, isInstall: true));
    }

    /// <summary>
    /// Last step of an install, on the applier's thread: after <c>incoming.Checkpointer.Begin(image)</c> has finished and
    /// after the log writer has called <see cref="Wal.SaveSnapshot"/>. A crash before that mark starts with the old state.
    /// </summary>
    /// <returns>The store that was in force: to be disposed by the caller when nobody reads in it any more.</returns>
    public FasterBackend CompleteInstall(IncomingStore incoming)
    {
        Checkpointer.Dispose();
        FasterBackend old = Backend;
        (_backend, _checkpointer) = (incoming.Backend, incoming.Checkpointer);
        return old;
    }

    /// <summary>Closes in good order.</summary>
    public void Dispose()
    {
        try
        {
            _checkpointer?.Dispose();
            _wal?.Dispose();
        }
        finally
        {
            _backend?.Dispose();
            _directory.Dispose();
        }
    }

    private static InvalidOperationException NotStarted() => new("the store was not started");

    private bool TryStart(Checkpoint checkpoint, StateLoader load)
    {
        FasterBackend? backend = null;
        try
        {
            backend = FasterBackend.Recover(_disk, checkpoint, _options.Faster);
            load(backend, checkpoint);
            backend.WaitUntilRecovered();
        }
        catch (Exception e) when (e is InvalidDataException or StoreDamagedException or BackendDamagedException)
        {
            backend?.Dispose();
            _problems.Add($"checkpoint {CheckpointManifest.FileName(checkpoint.Sequence)} (store {checkpoint.StoreDirectory}) cannot be used: {e.Message}");
            return false;
        }

        ReadLog(checkpoint.Image.AppliedIndex);
        if (MisfitOf(checkpoint) is { } misfit)
        {
            backend.Dispose();
            _problems.Add($"checkpoint {CheckpointManifest.FileName(checkpoint.Sequence)} does not fit the log: {misfit}");
            return false;
        }

        OpenLog();
        _checkpoints.Accept(checkpoint);
        Recovered = checkpoint;
        Adopt(backend, checkpoint.Generation);
        return true;
    }

    private string? MisfitOf(Checkpoint checkpoint)
    {
        (ulong index, ulong term) = (checkpoint.Image.AppliedIndex, checkpoint.Image.AppliedTerm);
        if (index > Contents.LastIndex)
            return $"it is a leader's snapshot of entry {index} whose install did not finish; the log ends at {Contents.LastIndex}";
        if (index + 1 < Contents.FirstIndex)
            return $"it ends at entry {index}, but the log begins at {Contents.FirstIndex}";
        if (index >= Contents.FirstIndex && Contents.Entries[(int)(index - Contents.FirstIndex)].Term != term)
            return $"entry {index} has another term than {term}";
        return null;
    }

    private void StartFromLogAlone(StateLoader load)
    {
        ReadLog(0);
        if (Contents.FirstIndex != 1)
        {
            throw new DataDirectoryException(
                $"{_directory.Root} cannot be started: no checkpoint is usable and the log begins at entry {Contents.FirstIndex}. "
                + string.Join("; ", _problems.DefaultIfEmpty($"there is no checkpoint in {_directory.Checkpoint}")) + ". " + DamageAdvice.Text);
        }

        OpenLog();
        _checkpoints.AcceptNone();
        // First: on a full disk the new store may need what the old one gives back.
        _checkpoints.RemoveUnneededStores(current: 0);
        StartEmpty(load);
    }

    private void StartEmpty(StateLoader load)
    {
        (ulong generation, string directory) = _checkpoints.NewGeneration();
        FasterBackend backend = FasterBackend.Create(_disk, directory, _options.Faster);
        load(backend, null);
        Adopt(backend, generation);
        _checkpoints.RemoveUnneededStores(generation);
    }

    private void Adopt(FasterBackend backend, ulong generation) =>
        (_backend, _checkpointer) = (backend, new Checkpointer(_checkpoints, backend, generation));

    // What a checkpoint contains was in the log and on the disk before: an end before it is a loss, whatever caused it.
    private void RefuseShortLog()
    {
        foreach (Checkpoint checkpoint in _checkpoints.Candidates)
        {
            ulong index = checkpoint.Image.AppliedIndex;
            if (index > Contents.LastIndex && !checkpoint.IsInstall)
            {
                string manifest = Path.Combine(_directory.Checkpoint, CheckpointManifest.FileName(checkpoint.Sequence));
                throw new WalDamagedException(Contents.EndFile, Contents.EndOffset, $"the log ends at entry {Contents.LastIndex}, but checkpoint {manifest} contains entry {index}");
            }
        }
    }

    // Nothing is changed by it. Entries that the checkpoint contains are checked but mostly not kept.
    private void ReadLog(ulong appliedIndex)
    {
        ulong from = appliedIndex > _options.CatchUpEntries ? appliedIndex - _options.CatchUpEntries : 1;
        if (_read is { } known && known.From == from)
            return;
        var reader = new WalReader(_disk, _directory.Wal, from);
        _contents = reader.ReadAll();
        _read = (from, reader);
    }

    private void OpenLog()
    {
        _wal = Wal.Resume(_disk, _directory.Wal, _read!.Value.Reader, Contents, _options.Wal);
        _read = null;
    }
}

/// <summary>A store that is being filled from the leader's snapshot.</summary>
/// <param name="Backend">Put the records here.</param>
/// <param name="Checkpointer">Begin the checkpoint with this one when they are all in.</param>
public sealed record IncomingStore(FasterBackend Backend, Checkpointer Checkpointer)
{
    /// <summary>Gives up an install that did not finish. Its files go away with a later checkpoint.</summary>
    public void Abandon()
    {
        Checkpointer.Dispose();
        Backend.Dispose();
    }
}
