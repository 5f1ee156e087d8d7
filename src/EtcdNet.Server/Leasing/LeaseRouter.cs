using EtcdNet.Protocol;
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
/// <param name="forwarder">Way to the leader; gives null when there is none: NotLeader then.</param>
/// <param name="time">Clock of the waiting.</param>
/// <param name="options">How long to wait.</param>
public sealed class LeaseRouter(
    LeaseExpirer expirer, IReadIndexGate readIndex, IConsensusStatus status, Func<ILeaseForwarder?> forwarder,
    TimeProvider time, LeaseServiceOptions options)
{
    /// <summary>Renews a lease.</summary>
    /// <param name="id">The lease.</param>
    /// <param name="check">Judges the caller, when this member is up to date or, where another one renews, as far as this one is.</param>
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
            async (link, leader) =>
            {
                await check();
                return await link.RenewAsync(leader, id, cancellation);
            },
            cancellation);

    /// <summary>
    /// Asks for the time that a lease still has. Null when there is no such lease. Keys only when asked for; this member has then
    /// applied all that the answer was made from, whoever made it.
    /// </summary>
    /// <param name="request">The question.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="EtcdException">NoLeader, NotLeader, Timeout, or what linearizable reads throw.</exception>
    public ValueTask<LeaseTimeToLiveResponse?> TimeToLiveAsync(LeaseTimeToLiveRequest request, CancellationToken cancellation) =>
        RouteAsync(
            () => ValueTask.FromResult(Look(request)),
            async (link, leader) =>
            {
                LeaseTimeToLiveResponse? answer = await link.TimeToLiveAsync(leader, request, cancellation);
                // Who may see the keys is judged by this member's state, which must not be older than the keys: a right that was
                // taken away before the key was attached would still count.
                if (answer is { Keys.Count: > 0 })
                    await readIndex.WaitAsync(cancellation);
                return answer;
            },
            cancellation);

    /// <summary>As <see cref="RenewAsync"/> for another member's client, whom that member has judged; by this member or not at all.</summary>
    /// <exception cref="EtcdException">NotLeader, or what linearizable reads throw.</exception>
    public async ValueTask<long> RenewHereAsync(long id, CancellationToken cancellation)
    {
        await ConfirmAsync(cancellation);
        return await expirer.RenewAsync(id, cancellation) ?? 0;
    }

    /// <summary>As <see cref="TimeToLiveAsync"/>, by this member or not at all.</summary>
    /// <exception cref="EtcdException">NotLeader, or what linearizable reads throw.</exception>
    public async ValueTask<LeaseTimeToLiveResponse?> TimeToLiveHereAsync(LeaseTimeToLiveRequest request, CancellationToken cancellation)
    {
        await ConfirmAsync(cancellation);
        return Look(request);
    }

    private async ValueTask ConfirmAsync(CancellationToken cancellation)
    {
        if (!status.Current.IsLeader)
            throw EtcdError.NotLeader.ToException();
        await readIndex.WaitAsync(cancellation);
    }

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

    private async ValueTask<T> RouteAsync<T>(
        Func<ValueTask<T>> here, Func<ILeaseForwarder, ulong, ValueTask<T>> there, CancellationToken cancellation)
    {
        long start = time.GetTimestamp();
        while (true)
        {
            ConsensusStatus now = status.Current;
            EtcdException failure = (now.Leader == 0 ? EtcdError.NoLeader : EtcdError.Timeout).ToException();
            if (now.IsLeader)
            {
                await readIndex.WaitAsync(cancellation);
                if (expirer.IsPrimary && status.Current.IsLeader)
                    return await here();
            }
            else if (now.Leader != 0)
            {
                ILeaseForwarder link = forwarder() ?? throw EtcdError.NotLeader.ToException();
                try
                {
                    return await there(link, now.Leader);
                }
                catch (EtcdException error) when (error.Code is GrpcStatus.Unavailable || error.Message == EtcdError.NotLeader.Message)
                {
                    // It leads no more, or is gone: there will be another one. A renewal may be made twice.
                    failure = error;
                }
            }
            if (time.GetElapsedTime(start) >= options.RequestTimeout)
                throw failure;
            await Task.Delay(options.LeaderPoll, time, cancellation);
        }
    }
}
