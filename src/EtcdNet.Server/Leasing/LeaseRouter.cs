using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Leasing;

/// <summary>
/// Brings questions about a lease's time to the one clock that counts: this member's when it leads, else the leader's.
/// While there is no leader, or this member has just become it, the question waits (surface 1.5, unary timeout).
/// </summary>
/// <param name="expirer">This member's clock.</param>
/// <param name="readIndex">Confirms leadership, and that everything acknowledged is applied.</param>
/// <param name="status">Who leads.</param>
/// <param name="forwarder">Way to the leader; null when there is none: NotLeader then.</param>
/// <param name="time">Clock of the waiting.</param>
/// <param name="options">How long to wait.</param>
public sealed class LeaseRouter(
    LeaseExpirer expirer, IReadIndexGate readIndex, IConsensusStatus status, ILeaseForwarder? forwarder,
    TimeProvider time, LeaseServiceOptions options)
{
    /// <summary>Renews a lease.</summary>
    /// <param name="id">The lease.</param>
    /// <param name="check">Judges the caller where the lease is renewed, after this member is up to date.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <returns>The TTL in seconds, 0 when there is no such lease.</returns>
    /// <exception cref="EtcdException">NoLeader, NotLeader, Timeout, or what <paramref name="check"/> throws.</exception>
    public ValueTask<long> RenewAsync(long id, Func<ValueTask> check, CancellationToken cancellation) =>
        RouteAsync(
            async () =>
            {
                await check();
                return await expirer.RenewAsync(id, cancellation) ?? 0;
            },
            leader => Forwarder().RenewAsync(leader, id, cancellation),
            cancellation);

    /// <summary>Asks for the time that a lease still has. Null when there is no such lease. Keys only when asked for.</summary>
    /// <param name="request">The question.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="EtcdException">NoLeader, NotLeader, Timeout.</exception>
    public ValueTask<LeaseTimeToLiveResponse?> TimeToLiveAsync(LeaseTimeToLiveRequest request, CancellationToken cancellation) =>
        RouteAsync(
            () => ValueTask.FromResult(Look(request)),
            leader => Forwarder().TimeToLiveAsync(leader, request, cancellation),
            cancellation);

    private LeaseTimeToLiveResponse? Look(LeaseTimeToLiveRequest request)
    {
        if (!expirer.TryGetRemaining(request.ID, out TimeSpan remaining, out long granted))
            return null;
        var answer = new LeaseTimeToLiveResponse
        {
            ID = request.ID,
            TTL = (long)remaining.TotalSeconds,
            GrantedTTL = granted,
        };
        if (request.Keys)
        {
            foreach (ReadOnlyMemory<byte> key in expirer.Store.KeysOf(request.ID))
                answer.Keys.Add(Google.Protobuf.ByteString.CopyFrom(key.Span));
        }
        return answer;
    }

    private ILeaseForwarder Forwarder() => forwarder ?? throw EtcdError.NotLeader.ToException();

    private async ValueTask<T> RouteAsync<T>(
        Func<ValueTask<T>> here, Func<ulong, ValueTask<T>> there, CancellationToken cancellation)
    {
        long start = time.GetTimestamp();
        while (true)
        {
            ConsensusStatus now = status.Current;
            if (now.IsLeader)
            {
                await readIndex.WaitAsync(cancellation);
                if (expirer.IsPrimary && status.Current.IsLeader)
                    return await here();
            }
            else if (now.Leader != 0)
            {
                return await there(now.Leader);
            }
            if (time.GetElapsedTime(start) >= options.RequestTimeout)
                throw (now.Leader == 0 ? EtcdError.NoLeader : EtcdError.Timeout).ToException();
            await Task.Delay(options.LeaderPoll, time, cancellation);
        }
    }
}
