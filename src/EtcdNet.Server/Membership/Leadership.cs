using EtcdNet.Raft;
using EtcdNet.Raft.Tracking;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;
using Serilog;

namespace EtcdNet.Server.Membership;

/// <summary>Hands the leadership to another member (Raft thesis §3.10): on request, before a stop, and when the disk stands still.</summary>
internal sealed class Leadership(MemberCore core, MemberStore members, MemberOptions options, TimeProvider time, ILogger log)
{
    private readonly ILogger _log = log.ForContext<Leadership>();

    /// <summary>Hands over to a certain member; returns when it leads.</summary>
    /// <exception cref="EtcdException">NotLeader, BadLeaderTransferee; TimeoutLeaderTransfer when it does not come to lead.</exception>
    public ValueTask MoveAsync(ulong target, CancellationToken cancellation) => MoveAsync(target, options.Proposals.RequestTimeout, cancellation);

    private async ValueTask MoveAsync(ulong target, TimeSpan limit, CancellationToken cancellation)
    {
        if (!core.State.IsLeader)
            throw EtcdError.NotLeader.ToException();
        if (members.Find(target) is not { IsLearner: false })
            throw EtcdError.BadLeaderTransferee.ToException();
        long started = time.GetTimestamp();
        core.Loop.TransferLeader(target);
        while (core.State.Leader != target)
        {
            if (time.GetElapsedTime(started) >= limit)
                throw EtcdError.TimeoutLeaderTransfer.ToException();
            await Task.Delay(options.HeartbeatInterval / 4, time, cancellation).ConfigureAwait(false);
        }
        _log.Information("leadership transferred to {Target:x}; took {Took}", target, time.GetElapsedTime(started));
    }

    /// <summary>Before a stop: hands over to whoever is furthest, if there is anybody. Never fails; without a successor the others elect one.</summary>
    public async Task LeaveAsync(CancellationToken cancellation)
    {
        try
        {
            RaftStatus status = await core.Loop.InspectAsync(static node => node.Status, cancellation).ConfigureAwait(false);
            if (Successor(status) is { } target)
                await MoveAsync(target, 2 * options.ElectionTimeout, cancellation).ConfigureAwait(false);
        }
        catch (Exception error) when (error is EtcdException or OperationCanceledException)
        {
            _log.Warning("the leadership could not be handed over before the stop: {Reason}", error.Message);
        }
    }

    /// <summary>
    /// The voter that has most of the log, among those that answer and get entries at present; null when this member does not lead or
    /// nobody else can.
    /// </summary>
    /// <param name="status">The node of this member.</param>
    /// <param name="mustBeAhead">It has to have more of the log on its disk than this member.</param>
    public static ulong? Successor(RaftStatus status, bool mustBeAhead = false)
    {
        ProgressStatus? best = null;
        ulong own = mustBeAhead ? status.Progress.FirstOrDefault(progress => progress.Id == status.Id).Match : 0;
        foreach (ProgressStatus progress in status.Progress)
        {
            bool fits = progress.Id != status.Id && status.Config.Voters.Contains(progress.Id) && progress.IsActive && progress.State == ProgressState.Replicate;
            if (fits && (!mustBeAhead || progress.Match > own) && (best is null || progress.Match > best.Value.Match))
                best = progress;
        }
        return status.Role == RaftRole.Leader ? best?.Id : null;
    }
}
