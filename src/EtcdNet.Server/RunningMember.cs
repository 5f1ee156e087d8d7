using System.Security.Cryptography;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Membershippb;
using EtcdNet.Raft;
using EtcdNet.Server.Auth;
using EtcdNet.Server.Compaction;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Corruption;
using EtcdNet.Server.Elections;
using EtcdNet.Server.Leasing;
using EtcdNet.Server.Locking;
using EtcdNet.Server.Membership;
using EtcdNet.Server.Services;
using EtcdNet.Server.Watching;
using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Storage.Disk;
using Serilog;

namespace EtcdNet.Server;

/// <summary>
/// One running member: owns its storage, its three threads and its services, and starts and stops them in the right
/// order. <see cref="Open"/> recovers, <see cref="StartAsync"/> returns when the member can serve,
/// <see cref="DisposeAsync"/> stops in peace.
/// </summary>
public sealed class RunningMember : IAsyncDisposable
{
    private readonly MemberOptions _options;
    private readonly MemberStorage _storage;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly MemberCore _core;
    private readonly ConsensusThreads _threads;
    private readonly LeaseExpirer _leases;
    private readonly AutoCompactor? _autoCompactor;
    private readonly LeaderMonitor _leaderMonitor;
    private readonly ITokenProvider _tokens;
    private readonly Passwords _passwords;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _removed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _leaderKnown = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Leadership _leadership;
    private readonly ClusterVersionMonitor _versions;
    private readonly OwnHash _ownHash;
    private readonly CorruptionCheck _corruption;
    private readonly MembershipChanges _changes;
    private readonly LeaseRouter _leaseRouter;
    private readonly Action<Exception> _fatal;
    private ILeaderLink? _leaderLink;
    private Task _started = Task.CompletedTask;
    private Task _monitored = Task.CompletedTask;
    private Task _firstElection = Task.CompletedTask;
    private int _alarmAsked;

    private RunningMember(MemberOptions options, MemberStorage storage, Action<Exception> fatal, TimeProvider time, ILogger log)
    {
        _options = options;
        _storage = storage;
        _time = time;
        _log = log.ForContext<RunningMember>();
        var parts = new CoreParts(storage.Log, storage.Entries, storage.Machine, storage.Configuration, storage);
        _core = new MemberCore(parts, Settings(log), core => new Housekeeping(storage, options, core, OnCheckpointed, log), time, log);
        storage.WriteFailed = fatal;
        _threads = new ConsensusThreads(_core.Loop, _core.Writer, _core.Applier, fatal, log);

        Headers = new HeaderSource(_core.State);
        Quota = new QuotaGuard(storage.Machine.Backend, storage.Space, options.QuotaBytes, RaiseNoSpace);
        WatchHub = new WatchHub(storage.Machine.Store, WatchOptions());
        storage.Machine.Store.WatchSink = WatchHub;
        _leaderMonitor = new LeaderMonitor(_core.State, time, options.ElectionTimeout);
        _tokens = options.AuthToken.Make(_core.Reads, () => _core.State.AppliedIndex, storage.Entries.LastIndex, time);
        storage.Machine.Auth.Observer = _tokens as IAuthObserver;
        Guard = new AuthGuard(storage.Machine.Auth, storage.Machine.Leases, _tokens);
        _passwords = new Passwords(options.BcryptCost);
        var own = new RootProposer(_core.Proposer, storage.Machine.Auth);
        _leases = new LeaseExpirer(storage.Machine.Leases, own, _core.Reads, _core.State, time, new LeaseExpirerOptions { Checkpoints = options.LeaseCheckpoints }, log);
        _fatal = fatal;
        MemberStore members = storage.Machine.Members;
        _leaseRouter = new LeaseRouter(_leases, _core.Reads, _core.State, () => _leaderLink, time, new LeaseServiceOptions { RequestTimeout = options.Proposals.RequestTimeout });
        var check = new ReconfigurationCheck(storage.MemberId, members, () => _core.Connections, time);
        _changes = new MembershipChanges(_core, members, options.StrictReconfigurationCheck ? check : null, () => _leaderLink, options.Proposals, time);
        _leadership = new Leadership(_core, members, options, time, log);
        _versions = new ClusterVersionMonitor(members, _core.State, _core.Proposer, () => _core.Connections, time, log) { DowngradeInterval = options.DowngradeCheckInterval };
        _ownHash = new OwnHash(storage.Machine, log);
        _corruption = new CorruptionCheck(storage.Machine, _ownHash, storage.MemberId, _core.Reads, _core.State, _core.Proposer, () => _core.Connections, time, log);
        Questions = new MemberQuestions(storage.ClusterId, _leaseRouter, _changes, storage.Machine, _ownHash);
        _autoCompactor = AutoCompactor.For(options, storage.Machine.Store, _core.State, _core.Proposer, time, log);
        Snapshots = new DatabaseSnapshots(storage.Machine, _core.Applier.Run, time, log);
        Services = MakeServices();
        _core.LeaderChanged = OnLeaderChanged;
        _core.NewTermApplied = OnNewTermApplied;
        _core.Applier.StateReplaced = WatchHub.OnRestored;
        _core.Applier.Removed = OnRemoved;
    }

    /// <summary>The API.</summary>
    public MemberServices Services { get; }

    /// <summary>What this member knows of the consensus.</summary>
    public IConsensusStatus Status => _core.State;

    /// <summary>The replicated state.</summary>
    public StateMachine.StateMachine Machine => _storage.Machine;

    /// <summary>Size of the store.</summary>
    public StateMachine.IBackend Backend => _storage.Machine.Backend;

    /// <summary>Confirms that reads are linearizable; for health checks.</summary>
    public IReadIndexGate Reads => _core.Reads;

    /// <summary>Answers what the other members ask outside of Raft.</summary>
    public IPeerQuestions Questions { get; }

    /// <summary>Where a transport hands in what the other members say.</summary>
    public PeerInbox Peers => _core.Inbox;

    /// <summary>
    /// Completes when this member was removed from its cluster for good: the process has to end, some election timeouts
    /// later, since the others may have to hear from it that the change is committed.
    /// </summary>
    public Task Removed => _removed.Task;

    /// <summary>Told on the applier's thread how long each checkpoint took.</summary>
    internal Action<TimeSpan>? Checkpointed { get; set; }

    internal ReadIndexGate ReadGate => _core.Reads;

    internal int PendingProposalCount => _core.Pending.Count;

    internal long ProposalsFailed => _core.ProposalsFailed;

    internal long LeaderChanges { get; private set; }

    internal long SlowApplies => _core.Applier.SlowApplies;

    /// <summary>Told of every request that is applied; before <see cref="StartAsync"/>.</summary>
    internal IApplyObserver? ApplyObserver
    {
        set => _core.Applier.Observer = value;
    }

    internal TimeSpan SlowApply => _options.SlowApply;

    internal ILogger Log => _log;

    internal LeaseExpirer Leases => _leases;

    internal HeaderSource Headers { get; }

    internal QuotaGuard Quota { get; }

    internal AuthGuard Guard { get; }

    internal WatchHub WatchHub { get; }

    internal DatabaseSnapshots Snapshots { get; }

    internal Housekeeping Housekeeping => (Housekeeping)_core.Housekeeping;

    /// <summary>Recovers the member of a data directory, or founds a new cluster of one in an empty one.</summary>
    /// <param name="options">Settings.</param>
    /// <param name="fatal">Called when the member cannot go on; the process has to end.</param>
    /// <param name="time">Clock.</param>
    /// <param name="log">Log of the process.</param>
    /// <param name="walObserver">Told about every sync, or null.</param>
    /// <exception cref="Storage.DataDirectoryException">The directory cannot be used.</exception>
    public static RunningMember Open(
        MemberOptions options, Action<Exception> fatal, TimeProvider time, ILogger log, Storage.WriteAhead.IWalObserver? walObserver = null) =>
        Open(options, new FileDisk(), fatal, time, log, walObserver);

    /// <summary>As <see cref="Open(MemberOptions, Action{Exception}, TimeProvider, ILogger, Storage.WriteAhead.IWalObserver?)"/>, on any disk.</summary>
    internal static RunningMember Open(
        MemberOptions options, IDisk disk, Action<Exception> fatal, TimeProvider time, ILogger log, Storage.WriteAhead.IWalObserver? walObserver = null) =>
        new(options, MemberStorage.Open(options, disk, time, log, walObserver), fatal, time, log);

    /// <summary>Connects the member to the others; before <see cref="StartAsync"/>.</summary>
    /// <param name="transport">Carries messages.</param>
    /// <param name="connections">Knows who is connected; null: nobody ever is, as far as checks are concerned.</param>
    /// <param name="leader">Asks the leader; null: what only a leader can do fails elsewhere.</param>
    public void Connect(IPeerTransport transport, IPeerConnections? connections = null, ILeaderLink? leader = null)
    {
        _leaderLink = leader;
        _core.Connections = connections ?? _core.Connections;
        _core.Loop.Transport = transport;
        transport.MembersChanged(Machine.Members.Members, Machine.Members.Removed);
    }

    /// <summary>Another member says that this one was removed.</summary>
    public void HearOfRemoval() => OnRemoved();

    /// <summary>Before a stop: hands the leadership over, if this member has it and another one can take it.</summary>
    public Task LeaveLeadershipAsync(CancellationToken cancellation) => _leadership.LeaveAsync(cancellation);

    /// <summary>Asks for another leader; nothing happens when it cannot be done. The new one shows in <see cref="Status"/>.</summary>
    public void TransferLeader(ulong to) => _core.Loop.TransferLeader(to);

    /// <summary>Changes one member of the cluster; completes when this member has applied the change.</summary>
    /// <exception cref="EtcdException">It does not fit the members there are, there is no leader, or it timed out.</exception>
    public async ValueTask ChangeMemberAsync(ConfChange change, CancellationToken cancellation) =>
        await _core.Proposer.ProposeConfChangeAsync(change, cancellation).ConfigureAwait(false);

    /// <summary>Starts the threads; completes when a leader is known, and the member has applied its log and told its name and URLs.</summary>
    public Task StartAsync(CancellationToken cancellation) => _started = StartUntilStoppedAsync(cancellation);

    private async Task StartUntilStoppedAsync(CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, _stopping.Token);
        CancellationToken cancellation = either.Token;
        if (_options.InitialCorruptCheck)
            await _corruption.BeforeServingAsync(cancellation).ConfigureAwait(false);
        _threads.Start();
        HastenFirstElection();
        await _leaderKnown.Task.WaitAsync(cancellation).ConfigureAwait(false);
        _storage.ReleaseRecoveryMemory();
        for (int attempt = 0; !await TryPublishAsync(TimeSpan.FromMilliseconds(250 << Math.Min(attempt, 6)), cancellation).ConfigureAwait(false); attempt++)
            cancellation.ThrowIfCancellationRequested();
        // Its log is applied now; before, there was only the last checkpoint to compare.
        if (_options.InitialCorruptCheck)
            await _corruption.BeforeServingAsync(cancellation).ConfigureAwait(false);
        // Alone there is nobody to ask, and clients find the version decided.
        if (_core.State.LeadsAlone)
            await _versions.DecideAsync(cancellation).ConfigureAwait(false);
        var corruption = new CorruptionMonitor(_corruption, _options.CorruptCheckInterval, _options.CompactHashCheckInterval, _core.State, _time, _log);
        _monitored = Task.WhenAll(MonitorAsync(_versions.RunAsync), MonitorAsync(corruption.RunAsync), MonitorAsync(DefragmentAtStartAsync));
    }

    /// <summary>Nobody waits for it: reads and writes go on meanwhile.</summary>
    private async Task DefragmentAtStartAsync(CancellationToken cancellation)
    {
        if (_options.DefragmentAtStartMegabytes == 0)
            return;
        (long size, long used) = (Backend.SizeInBytes, Backend.SizeInUseInBytes);
        ILogger line = _log.ForContext("CurrentDbSizeBytes", size).ForContext("CurrentDbSizeInUseBytes", used).ForContext("BootstrapDefragThresholdMegabytes", _options.DefragmentAtStartMegabytes);
        if ((size - used) >> 20 < _options.DefragmentAtStartMegabytes)
        {
            line.Information("skipping defragmentation");
            return;
        }

        line.Information("defragmenting at the start");
        var done = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_core.Applier.Run(() => done.SetResult(Housekeeping.DefragmentAsync())))
            await (await done.Task.WaitAsync(cancellation).ConfigureAwait(false)).WaitAsync(cancellation).ConfigureAwait(false);
    }

    private void HastenFirstElection()
    {
        if (_options.ElectionTickAdvance)
            _firstElection = MonitorAsync(new FirstElection(_core.State, () => _core.Connections, _core.Loop.AdvanceElection, ElectionTicks, _time, _log).RunAsync);
        else
            _log.Information("skipping initial election tick advance; {ElectionTicks}", ElectionTicks);
    }

    /// <summary>Ends streams and waits with "server stopped", finishes what is in the log, makes a checkpoint, closes the files.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _started.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _monitored.ConfigureAwait(false);
        await _firstElection.ConfigureAwait(false);
        _autoCompactor?.Dispose();
        _leases.Dispose();
        _leaderMonitor.Dispose();
        _threads.Stop();
        _core.Dispose();
        _storage.Dispose();
        _passwords.Dispose();
        _versions.Dispose();
        _ownHash.Dispose();
        _stopping.Dispose();
    }

    private int ElectionTicks => (int)Math.Round(_options.ElectionTimeout / _options.HeartbeatInterval);

    private CoreSettings Settings(ILogger log) => new()
    {
        TickInterval = _options.HeartbeatInterval,
        ElectionTicks = ElectionTicks,
        PreVote = _options.PreVote,
        FirstRequestId = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) >> 1,
        Random = new Random(unchecked((int)(_storage.MemberId ^ (ulong)_time.GetTimestamp()))),
        RaftLogger = new RaftLogAdapter(log),
        Proposals = _options.Proposals,
        SlowApply = _options.SlowApply,
    };

    private WatchOptions WatchOptions() => new()
    {
        ProgressInterval = _options.WatchProgressInterval,
        FragmentBytes = _options.Proposals.RequestBytesMax + (512 << 10),
    };

    private MemberServices MakeServices()
    {
        StateMachine.StateMachine machine = _storage.Machine;
        var kv = new KvService(machine, _core.Proposer, _core.Reads, Guard, Headers, Quota, Housekeeping.Compactions, _options.TxnOpsMax, _time);
        var watch = new WatchService(WatchHub, machine.Store, Headers, _leaderMonitor, _time, Guard, _stopping.Token);
        var lease = new LeaseService(_core.Proposer, _core.Reads, _leases, _leaseRouter, machine.Store, Headers, _leaderMonitor, Guard, _stopping.Token)
        {
            CheckQuota = Quota.CheckLeaseGrant,
        };
        var line = new WaitingLine(kv, watch, lease);
        var health = new HealthService(_options.StopServingOnDefragmentation, _log);
        return new MemberServices(
            kv,
            watch,
            lease,
            new ClusterService(machine.Members, _core.Reads, Guard, Headers, _changes),
            new MaintenanceService(
                machine, machine.Backend, _core.State, _core.Proposer, _core.Reads, Guard, Headers, Quota, _core.Applier.Run, Housekeeping.DefragmentAsync, _leadership, health, Snapshots),
            new AuthService(machine.Auth, _core.Proposer, _core.Reads, Headers, Guard, _tokens, _passwords, _log),
            new LockService(kv, Headers, line),
            new ElectionService(Headers, line),
            health);
    }

    private void OnCheckpointed(TimeSpan took) => Checkpointed?.Invoke(took);

    private void OnLeaderChanged(LeaderChange change)
    {
        if (change.Leader != 0)
            LeaderChanges++;
        if (change.Leader == _storage.MemberId)
            return; // ready with the first entry of its term
        _leases.Demote();
        if (change.Leader != 0)
            _leaderKnown.TrySetResult();
    }

    private void OnRemoved()
    {
        if (_removed.TrySetResult())
            _log.Error("the member has been permanently removed from the cluster; member {LocalMemberId:x}", _storage.MemberId);
    }

    private void OnNewTermApplied(ulong term)
    {
        ConsensusState state = _core.State;
        if (!state.IsLeader || state.Term != term)
            return;
        _leases.Promote(_options.ElectionTimeout);
        _leaderKnown.TrySetResult();
        _versions.Wake();
    }

    private async Task MonitorAsync(Func<CancellationToken, Task> run)
    {
        try
        {
            await run(_stopping.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
        catch (Exception error)
        {
            _fatal(error);
        }
    }

    /// <summary>
    /// A member that joins a troubled cluster tries until somebody takes it. The first tries are short: what is forwarded to the leader
    /// before the connection to it stands is lost, and telling twice does no harm.
    /// </summary>
    private async Task<bool> TryPublishAsync(TimeSpan patience, CancellationToken cancellation)
    {
        using var patienceOver = new CancellationTokenSource(patience, _time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patienceOver.Token);
        try
        {
            await PublishAsync(limit.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
        catch (EtcdException error) when (error.Message != EtcdError.Stopped.Message)
        {
            _log.Warning("failed to publish local member to cluster through raft: {Reason}", error.Message);
            return false;
        }
    }

    /// <summary>Tells name and client URLs through the log.</summary>
    private async Task PublishAsync(CancellationToken cancellation)
    {
        var attributes = new Attributes { Name = _options.Name };
        attributes.ClientUrls.AddRange(_options.ClientUrls);
        var publish = new ClusterMemberAttrSetRequest { MemberID = _storage.MemberId, MemberAttributes = attributes };
        await _core.Proposer.ProposeAsync(new InternalRaftRequest { ClusterMemberAttrSet = publish }, cancellation).ConfigureAwait(false);
        _log.Information(
            "published local member to cluster through raft; local member {LocalMemberId:x}, name {Name}, client URLs {ClientUrls}, cluster {ClusterId:x}",
            _storage.MemberId, _options.Name, _options.ClientUrls, _storage.ClusterId);
    }

    private void RaiseNoSpace()
    {
        bool isRaised = Machine.Alarms.Get(AlarmType.Nospace).Any(alarm => alarm.MemberID == _storage.MemberId);
        if (!isRaised && Interlocked.Exchange(ref _alarmAsked, 1) == 0)
            _ = RaiseAsync();

        async Task RaiseAsync()
        {
            try
            {
                var alarm = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, MemberID = _storage.MemberId, Alarm = AlarmType.Nospace };
                await _core.Proposer.ProposeAsync(new InternalRaftRequest { Alarm = alarm }, _stopping.Token).ConfigureAwait(false);
                _log.Warning("the store has reached its quota; alarm NOSPACE is raised");
            }
            catch (Exception error) when (error is EtcdException or OperationCanceledException)
            {
                _log.Warning(error, "alarm NOSPACE could not be raised; the next refused write tries again");
            }
            finally
            {
                Volatile.Write(ref _alarmAsked, 0);
            }
        }
    }
}
