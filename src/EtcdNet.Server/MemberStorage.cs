using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Snapshots;
using EtcdNet.StateMachine;
using EtcdNet.Storage;
using EtcdNet.Storage.Checkpoints;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Faster;
using EtcdNet.Storage.WriteAhead;
using Serilog;

namespace EtcdNet.Server;

/// <summary>What a member has on disk, recovered: the locked directory, the log, and the state machine over its backend.</summary>
internal sealed class MemberStorage : IStateStore, IDisposable
{
    private const long RecordsWorthCollecting = 100_000;
    private const long BytesWorthCollecting = 16L << 20;

    private readonly MemberFiles _store;
    private readonly MemberOptions _options;
    private readonly List<ExchangeableBackend.Retired> _retired = [];
    private int _pins;

    private MemberStorage(MemberFiles store, EntryLog entries, StateMachine.StateMachine machine, DiskSpaceGuard space, MemberOptions options)
    {
        _store = store;
        _options = options;
        Entries = entries;
        Machine = machine;
        UnappliedBytes = store.Contents.Entries.Where(entry => entry.Index > machine.ConsistentIndex).Sum(entry => (long)entry.Data.Length);
        Space = space;
        Configuration = ConfStateCodec.Decode(machine.ConfState);
        store.ForgetContents();
    }

    public ulong MemberId => Log.Metadata.MemberId;

    public ulong ClusterId => Log.Metadata.ClusterId;

    public Wal Log => _store.Wal;

    public EntryLog Entries { get; }

    public FasterBackend Backend => _store.Backend;

    /// <summary>Told when the store in force could not be written, on any thread; of one that takes its place as well.</summary>
    public Action<DiskFailedException>? WriteFailed
    {
        get => Backend.WriteFailed;
        set => Backend.WriteFailed = value;
    }

    public Checkpointer Checkpointer => _store.Checkpointer;

    public StateMachine.StateMachine Machine { get; }

    /// <summary>Bytes of the entries that the log held behind the recovered checkpoint.</summary>
    public long UnappliedBytes { get; }

    /// <summary>Keeps a reserve of the disk free.</summary>
    public DiskSpaceGuard Space { get; }

    /// <summary>Who votes at the applied index.</summary>
    public ConfState Configuration { get; }

    /// <summary>Opens the directory and brings back what was in it; nothing is written before that has succeeded.</summary>
    public static MemberStorage Open(MemberOptions options, IDisk disk, TimeProvider time, ILogger log, IWalObserver? walObserver)
    {
        var storeOptions = new MemberFilesOptions
        {
            CatchUpEntries = options.CatchUpEntries,
            LogDirectory = options.LogDirectory,
            Faster = options.Store,
            Wal = new WalOptions { SegmentBytes = options.LogSegmentBytes, UnsafeNoSync = options.UnsafeNoSync, Observer = walObserver },
        };
        MemberFiles store = MemberFiles.Open(disk, options.DataDirectory, storeOptions);
        try
        {
            StateMachine.StateMachine machine = Recover(store, options, time, log);
            EntryLog entries = OpenLog(store, machine, options, log);
            var space = new DiskSpaceGuard(disk, options.LogDirectory is { } separate ? [options.DataDirectory, separate] : [options.DataDirectory], DiskSpaceGuard.ReserveBytesDefault, time);
            var storage = new MemberStorage(store, entries, machine, space, options);
            entries.Trim(machine.AppliedIndex, ulong.MaxValue, EntryTrimmer.BytesMax(storage.Configuration, options.CatchUpBytes) / 2);
            return storage;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>Somebody reads the state as it was: nothing may be compacted or collected. Any thread.</summary>
    public bool IsPinned => Volatile.Read(ref _pins) > 0;

    /// <inheritdoc/>
    public IOutgoingSnapshot? Capture(ConfState configuration)
    {
        StateImage image = Machine.Capture();
        if (image.AppliedIndex == 0)
            return null;
        Interlocked.Increment(ref _pins);
        var metadata = new SnapshotMetadata(configuration, image.AppliedIndex, image.AppliedTerm);
        return new CapturedState(metadata, image, Backend, () => Interlocked.Decrement(ref _pins));
    }

    /// <inheritdoc/>
    public IReceivedState Receive(SnapshotMetadata expected, Stream stream)
    {
        IncomingStore incoming = _store.BeginInstall();
        try
        {
            StateImage image = StateStream.Read(stream, incoming.Backend);
            var machine = NewMachine(incoming.Backend, _options);
            machine.Restore(image, incoming.Backend);
            ReceivedState.ThrowUnlessExpected(machine, expected);
            return new ReceivedState(this, incoming, image, machine);
        }
        catch (Exception error)
        {
            incoming.Abandon();
            if (error is StateDamagedException or BackendDamagedException)
                throw new InvalidDataException(error.Message, error);
            throw;
        }
    }

    /// <summary>Applier: goes on from a leader's state, whose checkpoint the log counts on already.</summary>
    internal void Install(IncomingStore incoming, StateMachine.StateMachine machine)
    {
        incoming.Backend.WriteFailed = WriteFailed;
        _store.CompleteInstall(incoming);
        _retired.Add(Machine.Adopt(machine));
    }

    /// <summary>Applier: closes stores that were replaced, as soon as nobody reads in them.</summary>
    public void CloseRetired()
    {
        if (_retired.Count == 0 || IsPinned || !_retired.TrueForAll(static retired => retired.IsUnused))
            return;
        foreach (ExchangeableBackend.Retired retired in _retired)
            ((FasterBackend)retired.Backend).Dispose();
        _retired.Clear();
    }

    /// <summary>
    /// Gives back what the recovery used and needs no more: a third of the heap, which would stay for hours in a server with
    /// little to do. Called once, when the log is applied.
    /// </summary>
    public void ReleaseRecoveryMemory()
    {
        if ((_store.Recovered?.Image.RecordCount ?? 0) >= RecordsWorthCollecting || UnappliedBytes >= BytesWorthCollecting)
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }

    public void Dispose()
    {
        foreach (ExchangeableBackend.Retired retired in _retired)
            ((FasterBackend)retired.Backend).Dispose();
        _store.Dispose();
    }

    private static StateMachine.StateMachine Recover(MemberFiles store, MemberOptions options, TimeProvider time, ILogger log)
    {
        long started = time.GetTimestamp();
        StateMachine.StateMachine? machine = null;
        WalMetadata? identity = store.IsNew ? MemberIdentity.Of(options) : null;
        store.Start(identity, (backend, checkpoint) => machine = Load(backend, checkpoint, options));
        foreach (string problem in store.Problems)
            log.ForContext<MemberStorage>().Warning("{Problem:l}", problem);
        log.ForContext<MemberStorage>().Information(
            "recovered; checkpoint at {AppliedIndex}, revision {Revision}, {Entries} entries to apply, {TornBytes} bytes of an unfinished batch cut off, took {Took}",
            machine!.ConsistentIndex, machine.Store.CurrentRevision, store.Wal.LastIndex - machine.ConsistentIndex, store.Contents.TornBytes,
            time.GetElapsedTime(started));
        return machine;
    }

    /// <summary>A state machine over a store, proven to be what the checkpoint says.</summary>
    private static StateMachine.StateMachine Load(FasterBackend backend, Checkpoint? checkpoint, MemberOptions options)
    {
        var machine = NewMachine(backend, options);
        if (checkpoint is null)
            return machine;
        try
        {
            machine.Restore(checkpoint.Image, backend.RecoveredRecords);
            return machine;
        }
        catch (StateDamagedException damaged)
        {
            throw new InvalidDataException(damaged.Message, damaged);
        }
    }

    private static StateMachine.StateMachine NewMachine(FasterBackend backend, MemberOptions options) =>
        new(backend, options.LeaseTtlMin, options.MaxLearners);

    private static EntryLog OpenLog(MemberFiles store, StateMachine.StateMachine machine, MemberOptions options, ILogger log)
    {
        WalMetadata self = store.Wal.Metadata;
        if (machine.Members.Removed.Contains(self.MemberId))
            throw new DataDirectoryException($"{store.Directory.Root} belongs to member {self.MemberId:x}, which was removed from cluster {self.ClusterId:x} for good; to join again, remove the directory and add the member anew (etcdctl member add)");
        ConfState configuration = ConfStateCodec.Decode(machine.ConfState);
        if (IsUnfounded(store, machine, options))
            return Found(store.Wal, options);
        bool force = options.ForceNewCluster && options.Joins is null && store.Wal.LastIndex > 0;
        return force ? LoneCluster.Make(store, machine, configuration, options, log) : store.NewEntryLog(configuration);
    }

    // The commit index is written with the first entry, behind it. Without it that batch was torn by a power cut, and the
    // entry that may be left of it would never be applied: nobody votes yet.
    private static bool IsUnfounded(MemberFiles store, StateMachine.StateMachine machine, MemberOptions options) =>
        machine.ConsistentIndex == 0 && store.Wal.HardState.Commit == 0
        && options.Joins is null && store.Wal.Metadata == MemberIdentity.Of(options);

    /// <summary>The first entries of a new cluster; a start that was interrupted before it begins again here.</summary>
    private static EntryLog Found(Wal wal, MemberOptions options)
    {
        (HardState state, IReadOnlyList<Entry> entries) = MemberIdentity.FirstEntries(options);
        wal.Save(state, entries);
        return new EntryLog(state, new ConfState(), compacted: default, entries);
    }
}
