using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Auth;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Membership;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.Server.Services;

/// <summary>etcdserverpb.Maintenance: the state of this member, alarms, hashes.</summary>
public sealed class MaintenanceService
{
    // A size of zero is left out of JSON, and tools take that for an answer without a size. etcd's empty database has some pages, too.
    private const long SizeOfNothing = 4096;

    private readonly StateMachine.StateMachine _machine;
    private readonly IBackend _backend;
    private readonly ConsensusState _state;
    private readonly IProposer _proposer;
    private readonly IReadIndexGate _reads;
    private readonly AuthGuard _guard;
    private readonly HeaderSource _headers;
    private readonly QuotaGuard _quota;
    private readonly Func<Action, bool> _runOnApplier;
    private readonly Leadership _leadership;
    private readonly Func<Task> _defragment;
    private readonly HealthService _health;
    private readonly DowngradeJob _downgrade;
    private readonly DatabaseSnapshots _snapshots;

    internal MaintenanceService(
        StateMachine.StateMachine machine, IBackend backend, ConsensusState state, IProposer proposer, IReadIndexGate reads,
        AuthGuard guard, HeaderSource headers, QuotaGuard quota, Func<Action, bool> runOnApplier, Func<Task> defragment, Leadership leadership,
        HealthService health, DatabaseSnapshots snapshots)
    {
        _leadership = leadership;
        _machine = machine;
        _backend = backend;
        _state = state;
        _proposer = proposer;
        _reads = reads;
        _guard = guard;
        _headers = headers;
        _quota = quota;
        _runOnApplier = runOnApplier;
        _defragment = defragment;
        _health = health;
        _snapshots = snapshots;
        _downgrade = new DowngradeJob(machine.Members, proposer, reads);
    }

    /// <summary>The state of the answering member, without asking anybody else.</summary>
    public async ValueTask<StatusResponse> StatusAsync(StatusRequest request, CallContext call)
    {
        await _guard.RequireUserAsync(call).ConfigureAwait(false);
        ConsensusStatus status = _state.Current;
        var response = new StatusResponse
        {
            Header = _headers.Header(_machine.Store.CurrentRevision),
            Version = EtcdVersion.Server,
            StorageVersion = EtcdVersion.Storage,
            DbSize = Math.Max(_backend.SizeInBytes, SizeOfNothing),
            DbSizeInUse = Math.Max(_backend.SizeInUseInBytes, SizeOfNothing),
            DbSizeQuota = Math.Max(_quota.QuotaBytes, 0),
            Leader = status.Leader,
            RaftIndex = status.CommitIndex,
            RaftTerm = status.Term,
            RaftAppliedIndex = status.AppliedIndex,
            IsLearner = status.IsLearner,
            DowngradeInfo = _downgrade.Info,
        };
        if (status.Leader == 0)
            response.Errors.Add(EtcdError.NoLeader.Message);
        foreach (AlarmMember alarm in _machine.Alarms.Get(AlarmType.None))
            response.Errors.Add($"{(alarm.MemberID == 0 ? "" : $"memberID:{alarm.MemberID} ")}alarm:{AlarmName(alarm.Alarm)} ");
        return response;
    }

    /// <summary>Lists, raises or lowers alarms. Every user may list them.</summary>
    public async ValueTask<AlarmResponse> AlarmAsync(AlarmRequest request, CallContext call)
    {
        if (request.Action == AlarmRequest.Types.AlarmAction.Get)
            await _guard.RequireUserAsync(call).ConfigureAwait(false);
        else
            await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        var response = (AlarmResponse)await _guard
            .ProposeAsync(_proposer, new InternalRaftRequest { Alarm = request }, call, call.Cancellation).ConfigureAwait(false);
        response.Header ??= new ResponseHeader();
        response.Header.Revision = _machine.Store.CurrentRevision;
        _headers.Complete(response.Header);
        return response;
    }

    /// <summary>Hash over the whole state of this member.</summary>
    public async ValueTask<HashResponse> HashAsync(HashRequest request, CallContext call)
    {
        await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        var done = new TaskCompletionSource<(uint Hash, long Revision)>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool taken = _runOnApplier(() => done.TrySetResult((_machine.Hash(), _machine.Store.CurrentRevision)));
        if (!taken)
            throw EtcdError.Stopped.ToException();
        (uint hash, long revision) = await done.Task.WaitAsync(call.Cancellation).ConfigureAwait(false);
        return new HashResponse { Header = _headers.Header(revision), Hash = hash };
    }

    /// <summary>Hash over the keys at a revision; equal on all members, and equal to etcd's for the same history.</summary>
    /// <exception cref="EtcdException">Compacted, FutureRev.</exception>
    public async ValueTask<HashKVResponse> HashKvAsync(HashKVRequest request, CallContext call)
    {
        await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        await _reads.WaitAsync(call.Cancellation).ConfigureAwait(false);
        KvHashResult hash = _machine.HashKv(request.Revision, call.Cancellation);
        return new HashKVResponse
        {
            Header = _headers.Header(hash.CurrentRevision),
            Hash = hash.Hash,
            CompactRevision = hash.CompactRevision,
            HashRevision = hash.Revision,
        };
    }

    /// <summary>
    /// Takes back all dead space of this member while reads and writes go on, and answers when that is done (without a
    /// header, like etcd). It happens by itself as well when there is enough to gain.
    /// </summary>
    public async ValueTask<DefragmentResponse> DefragmentAsync(DefragmentRequest request, CallContext call)
    {
        await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        var started = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_runOnApplier(() => started.SetResult(HealthyWhenDoneAsync(_defragment()))))
            throw EtcdError.Stopped.ToException();
        Task done = await started.Task.WaitAsync(call.Cancellation).ConfigureAwait(false);
        await done.WaitAsync(call.Cancellation).ConfigureAwait(false);
        return new DefragmentResponse();
    }

    /// <summary>It goes on when the client that wanted it has left.</summary>
    private async Task HealthyWhenDoneAsync(Task defragmentation)
    {
        _health.DefragmentationBegins();
        try
        {
            await defragmentation.ConfigureAwait(false);
        }
        finally
        {
            _health.DefragmentationEnds();
        }
    }

    /// <summary>
    /// Sends the state of this member, as it is when the call arrives, as a database file of etcd, and its SHA-256. Needs no leader.
    /// </summary>
    /// <exception cref="EtcdException">Stopped; Compacted when the client takes so long that it would hold compactions up.</exception>
    public async Task SnapshotAsync(SnapshotRequest request, IResponseStream<SnapshotResponse> responses, CallContext call)
    {
        await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        await _snapshots.SendAsync(responses, call.Cancellation).ConfigureAwait(false);
    }

    /// <summary>Asks whether members of the release before may join, allows it, or takes that back.</summary>
    /// <exception cref="EtcdException">
    /// WrongDowngradeVersionFormat, InvalidDowngradeTargetVersion, DowngradeInProcess, NoInflightDowngrade, ClusterVersionUnavailable.
    /// </exception>
    public async ValueTask<DowngradeResponse> DowngradeAsync(DowngradeRequest request, CallContext call)
    {
        await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        string version = await _downgrade.RunAsync(request, call.Cancellation).ConfigureAwait(false);
        return new DowngradeResponse { Header = _headers.Header(_machine.Store.CurrentRevision), Version = version };
    }

    /// <summary>Hands the leadership over; answers when the other member leads (without a header, like etcd).</summary>
    /// <exception cref="EtcdException">NotLeader, BadLeaderTransferee, TimeoutLeaderTransfer.</exception>
    public async ValueTask<MoveLeaderResponse> MoveLeaderAsync(MoveLeaderRequest request, CallContext call)
    {
        await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        await _leadership.MoveAsync(request.TargetID, call.Cancellation).ConfigureAwait(false);
        return new MoveLeaderResponse();
    }

    private static string AlarmName(AlarmType alarm) => alarm switch
    {
        AlarmType.Nospace => "NOSPACE",
        AlarmType.Corrupt => "CORRUPT",
        _ => "NONE",
    };
}
