using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Membershippb;
using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Leasing;
using EtcdNet.Server.Services;
using EtcdNet.Server.Watching;
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
    private readonly ConsensusState _state;
    private readonly PendingProposals _pending = new();
    private readonly RaftLoop _loop;
    private readonly Proposer _proposer;
    private readonly ReadIndexGate _reads;
    private readonly Applier _applier;
    private readonly ConsensusThreads _threads;
    private readonly LeaseExpirer _leases;
    private readonly LeaderMonitor _leaderMonitor;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _leaderKnown = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _alarmAsked;

    private RunningMember(MemberOptions options, MemberStorage storage, Action<Exception> fatal, TimeProvider time, ILogger log)
    {
        _options = options;
        _storage = storage;
        _time = time;
        _log = log.ForContext<RunningMember>();
        _state = new ConsensusState(storage.MemberId, storage.ClusterId);
        _state.PublishConfiguration(storage.Configuration);
        _state.PublishApplied(storage.Machine.AppliedIndex, storage.Machine.ConsistentTerm);

        var node = new RaftNode(RaftOptions(log), storage.Entries);
        _loop = new RaftLoop(node, _state, _pending, options.HeartbeatInterval, time, log);
        var ids = new RequestIdGenerator(storage.MemberId, time.GetUtcNow());
        _proposer = new Proposer(_state, _pending, ids, _loop, options.Proposals, time);
        _reads = new ReadIndexGate(ids.Next(), _state, _loop.ReadIndex, options.Proposals.RequestTimeout, time);
        var writer = new LogWriter(storage.Log, storage.Entries, Deliver, _loop.Wake);
        Housekeeping = new Housekeeping(storage, options, writer.ReleaseBefore, OnCheckpointed, log);
        ulong committed = storage.Entries.InitialState().HardState.Commit;
        _applier = new Applier(storage.Machine, _state, _pending, _loop, Housekeeping, committed, time, log) { SlowApply = options.SlowApply };
        storage.Backend.WriteFailed = fatal;
        _threads = new ConsensusThreads(_loop, writer, _applier, fatal, log);

        Headers = new HeaderSource(_state);
        Quota = new QuotaGuard(storage.Backend, storage.Space, options.QuotaBytes, RaiseNoSpace);
        WatchHub = new WatchHub(storage.Machine.Store, WatchOptions());
        storage.Machine.Store.WatchSink = WatchHub;
        _leaderMonitor = new LeaderMonitor(_state, time, options.ElectionTimeout);
        _leases = new LeaseExpirer(storage.Machine.Leases, _proposer, _reads, _state, time, new LeaseExpirerOptions(), log);
        Services = MakeServices();
        Connect(writer);
    }

    /// <summary>The API.</summary>
    public MemberServices Services { get; }

    /// <summary>What this member knows of the consensus.</summary>
    public IConsensusStatus Status => _state;

    /// <summary>The replicated state.</summary>
    public StateMachine.StateMachine Machine => _storage.Machine;

    /// <summary>Size of the store.</summary>
    public StateMachine.IBackend Backend => _storage.Backend;

    /// <summary>Confirms that reads are linearizable; for health checks.</summary>
    public IReadIndexGate Reads => _reads;

    /// <summary>Told on the applier's thread how long each checkpoint took.</summary>
    internal Action<TimeSpan>? Checkpointed { get; set; }

    internal ReadIndexGate ReadGate => _reads;

    internal int PendingProposalCount => _pending.Count;

    internal long ProposalsFailed { get; private set; }

    internal long LeaderChanges { get; private set; }

    internal long SlowApplies => _applier.SlowApplies;

    internal LeaseExpirer Leases => _leases;

    internal HeaderSource Headers { get; }

    internal QuotaGuard Quota { get; }

    internal WatchHub WatchHub { get; }

    internal Housekeeping Housekeeping { get; }

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

    /// <summary>Starts the threads; completes when the member leads, has applied its log and has told its name and URLs.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        _threads.Start();
        await _leaderKnown.Task.WaitAsync(cancellation).ConfigureAwait(false);
        await PublishAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>Ends streams and waits with "server stopped", finishes what is in the log, makes a checkpoint, closes the files.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        _leases.Dispose();
        _leaderMonitor.Dispose();
        _threads.Stop();
        _pending.Close(EtcdError.Stopped.ToException());
        _reads.Close(EtcdError.Stopped.ToException());
        _storage.Dispose();
        _stopping.Dispose();
    }

    private RaftOptions RaftOptions(ILogger log) => new()
    {
        Id = _storage.MemberId,
        ElectionTick = (int)Math.Round(_options.ElectionTimeout / _options.HeartbeatInterval),
        HeartbeatTick = 1,
        Applied = _storage.Machine.AppliedIndex,
        AsyncStorageWrites = true,
        CheckQuorum = true,
        PreVote = _options.PreVote,
        MaxSizePerMessage = 1 << 20,
        MaxInflightMessages = 512,
        MaxUncommittedEntriesSize = 1UL << 30,
        Random = new Random(unchecked((int)(_storage.MemberId ^ (ulong)_time.GetTimestamp()))),
        Logger = new RaftLogAdapter(log),
    };

    private WatchOptions WatchOptions() => new()
    {
        ProgressInterval = _options.WatchProgressInterval,
        FragmentBytes = _options.Proposals.RequestBytesMax + (512 << 10),
    };

    private MemberServices MakeServices()
    {
        StateMachine.StateMachine machine = _storage.Machine;
        var router = new LeaseRouter(_leases, _reads, _state, forwarder: null, _time, new LeaseServiceOptions());
        return new MemberServices(
            new KvService(machine, _proposer, _reads, Headers, Quota, Housekeeping.Compactions, _options.TxnOpsMax),
            new WatchService(WatchHub, machine.Store, Headers, _leaderMonitor, _time, guard: null, _stopping.Token),
            new LeaseService(_proposer, _reads, _leases, router, machine.Store, Headers, _leaderMonitor, guard: null, _stopping.Token),
            new ClusterService(machine.Members, _reads, Headers),
            new MaintenanceService(machine, _storage.Backend, _state, _proposer, _reads, Headers, Quota, _applier.Run));
    }

    private void Connect(LogWriter writer)
    {
        _loop.AppendWork = writer.Append;
        _loop.ApplyWork = _applier.Apply;
        _loop.ReadConfirmed = _reads.Confirmed;
        _loop.Ticked = OnTick;
        _loop.LeaderChanged = OnLeaderChanged;
        _applier.Applied = _reads.Applied;
        _applier.NewTermApplied = OnNewTermApplied;
    }

    /// <summary>Answers of the log writer: most are for this member itself.</summary>
    private void Deliver(Message message)
    {
        if (message.To == _storage.MemberId)
            _loop.StepLazily(message);
        else
            _loop.Transport.Send(message);
    }

    private void OnTick()
    {
        ProposalsFailed += _pending.Expire(_time.GetTimestamp(), static () => EtcdError.Timeout.ToException());
        _reads.Tick();
    }

    private void OnCheckpointed(TimeSpan took) => Checkpointed?.Invoke(took);

    private void OnLeaderChanged(LeaderChange change)
    {
        _reads.LeaderChanged();
        if (change.Leader != 0)
            LeaderChanges++;
        if (change.Leader != _storage.MemberId)
            _leases.Demote();
    }

    private void OnNewTermApplied(ulong term)
    {
        if (!_state.IsLeader || _state.Term != term)
            return;
        _leases.Promote(_options.ElectionTimeout);
        _leaderKnown.TrySetResult();
    }

    /// <summary>Tells name and client URLs, and the version of a new cluster, through the log.</summary>
    private async Task PublishAsync(CancellationToken cancellation)
    {
        var attributes = new Attributes { Name = _options.Name };
        attributes.ClientUrls.AddRange(_options.ClientUrls);
        var publish = new ClusterMemberAttrSetRequest { MemberID = _storage.MemberId, MemberAttributes = attributes };
        await _proposer.ProposeAsync(new InternalRaftRequest { ClusterMemberAttrSet = publish }, cancellation).ConfigureAwait(false);
        if (Machine.Members.ClusterVersion != EtcdVersion.Cluster)
        {
            var version = new ClusterVersionSetRequest { Ver = EtcdVersion.Cluster };
            await _proposer.ProposeAsync(new InternalRaftRequest { ClusterVersionSet = version }, cancellation).ConfigureAwait(false);
        }
        _log.Information(
            "published local member to cluster through raft; local member {LocalMemberId:x}, name {Name}, client URLs {ClientUrls}, cluster {ClusterId:x}",
            _storage.MemberId, _options.Name, _options.ClientUrls, _storage.ClusterId);
    }

    private void RaiseNoSpace()
    {
        if (Interlocked.Exchange(ref _alarmAsked, 1) == 0)
            _ = RaiseAsync();

        async Task RaiseAsync()
        {
            try
            {
                var alarm = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, MemberID = _storage.MemberId, Alarm = AlarmType.Nospace };
                await _proposer.ProposeAsync(new InternalRaftRequest { Alarm = alarm }, _stopping.Token).ConfigureAwait(false);
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
