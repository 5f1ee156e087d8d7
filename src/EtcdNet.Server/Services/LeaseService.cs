using System.Buffers.Binary;
using System.Security.Cryptography;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Leasing;
using EtcdNet.Server.Watching;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using Google.Protobuf;

namespace EtcdNet.Server.Services;

/// <summary>The Lease service (surface 7.4): grants and revokes go through the log, times are the leader's.</summary>
/// <param name="proposer">The log.</param>
/// <param name="readIndex">Makes the list of leases linearizable.</param>
/// <param name="expirer">The leases of this member.</param>
/// <param name="router">Way to the clock that counts.</param>
/// <param name="history">Revision for headers.</param>
/// <param name="headers">Headers of the answers.</param>
/// <param name="leader">Ends streams that require a leader.</param>
/// <param name="guard">Permission; null allows everything.</param>
/// <param name="stopping">Cancelled when the server stops.</param>
public sealed class LeaseService(
    IProposer proposer, IReadIndexGate readIndex, LeaseExpirer expirer, LeaseRouter router, IHistory history,
    IHeaderSource headers, LeaderMonitor leader, ILeaseGuard? guard, CancellationToken stopping)
{
    /// <summary>Asked before a lease is proposed; throws NoSpace when there is no room for another one.</summary>
    internal Action? CheckQuota { get; init; }

    /// <summary>Makes a lease. Id 0: the server picks a positive one. A TTL below the minimum is raised.</summary>
    /// <exception cref="EtcdException">LeaseExist, LeaseTTLTooLarge, NoSpace, or what proposals throw.</exception>
    public async ValueTask<LeaseGrantResponse> LeaseGrantAsync(LeaseGrantRequest request, CallContext context)
    {
        CheckQuota?.Invoke();
        while (true)
        {
            long id = request.ID == 0 ? PickId() : request.ID;
            var proposal = new InternalRaftRequest { LeaseGrant = new LeaseGrantRequest { ID = id, TTL = request.TTL } };
            try
            {
                var answer = (LeaseGrantResponse)await ProposeAsync(proposal, context);
                answer.Header = Header(answer.Header);
                return answer;
            }
            catch (EtcdException taken) when (request.ID == 0 && taken.Message == EtcdError.LeaseExist.Message)
            {
                // Somebody got the same random id first.
            }
        }
    }

    /// <summary>Ends a lease and deletes its keys, in one revision.</summary>
    /// <exception cref="EtcdException">LeaseNotFound, PermissionDenied, or what proposals throw.</exception>
    public async ValueTask<LeaseRevokeResponse> LeaseRevokeAsync(LeaseRevokeRequest request, CallContext context)
    {
        var proposal = new InternalRaftRequest { LeaseRevoke = new LeaseRevokeRequest { ID = request.ID } };
        var answer = (LeaseRevokeResponse)await ProposeAsync(proposal, context);
        answer.Header = Header(answer.Header);
        return answer;
    }

    /// <summary>
    /// Renews leases one after the other, in the order asked, until the client half-closes. An unknown lease is answered with TTL 0.
    /// </summary>
    /// <exception cref="EtcdException">NotLeader, NoLeader, Timeout, Stopped, PermissionDenied.</exception>
    public async Task LeaseKeepAliveAsync(
        IRequestStream<LeaseKeepAliveRequest> requests, IResponseStream<LeaseKeepAliveResponse> responses, CallContext context)
    {
        if (context.RequireLeader && !leader.HasLeader)
            throw EtcdError.NoLeader.ToException();
        var lost = new CancellationTokenSource(); // not disposed: the monitor may be calling at the moment the stream ends
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation, stopping, lost.Token);
        using IDisposable? registration = context.RequireLeader ? leader.Register(lost.Cancel) : null;
        try
        {
            while (await requests.ReadAsync(ended.Token) is { } request)
                await responses.WriteAsync(await RenewAsync(request.ID, context, ended.Token), ended.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            throw EtcdError.Stopped.ToException();
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested)
        {
            throw EtcdError.NoLeader.ToException();
        }
        catch (OperationCanceledException) when (context.Cancellation.IsCancellationRequested)
        {
            throw EtcdError.Canceled.ToException();
        }
    }

    /// <summary>Tells the time a lease still has, rounded down to seconds; −1 when it is gone.</summary>
    /// <exception cref="EtcdException">NotLeader, NoLeader, Timeout, PermissionDenied.</exception>
    public async ValueTask<LeaseTimeToLiveResponse> LeaseTimeToLiveAsync(LeaseTimeToLiveRequest request, CallContext context)
    {
        if (guard is not null)
            await guard.CheckAsync(context, LeaseAccess.Read, []);
        LeaseTimeToLiveResponse? answer = await router.TimeToLiveAsync(request, context.Cancellation);
        if (answer is null)
            answer = new LeaseTimeToLiveResponse { ID = request.ID, TTL = -1 };
        else if (guard is not null && request.Keys)
            await guard.CheckAsync(context, LeaseAccess.Read, [.. answer.Keys.Select(static key => key.Memory)]);
        answer.Header = headers.Header(history.CurrentRevision);
        return answer;
    }

    /// <summary>Lists all leases, the one that expires first in front.</summary>
    /// <exception cref="EtcdException">What linearizable reads throw, PermissionDenied.</exception>
    public async ValueTask<LeaseLeasesResponse> LeaseLeasesAsync(LeaseLeasesRequest request, CallContext context)
    {
        ArgumentNullException.ThrowIfNull(request);
        await readIndex.WaitAsync(context.Cancellation);
        long[] ids = [.. expirer.IdsByExpiry()];
        if (guard is not null)
            await guard.CheckAsync(context, LeaseAccess.Read, ids.SelectMany(expirer.Store.KeysOf));
        var answer = new LeaseLeasesResponse { Header = headers.Header(history.CurrentRevision) };
        answer.Leases.AddRange(ids.Select(static id => new LeaseStatus { ID = id }));
        return answer;
    }

    private async ValueTask<LeaseKeepAliveResponse> RenewAsync(long id, CallContext context, CancellationToken cancellation)
    {
        // The header is made first: a client must not see a live lease together with a revision at which it was revoked.
        ResponseHeader header = headers.Header(history.CurrentRevision);
        long ttl = await router.RenewAsync(id, () => CheckWriteAsync(id, context), cancellation);
        return new LeaseKeepAliveResponse { Header = header, ID = id, TTL = ttl };
    }

    private ValueTask CheckWriteAsync(long id, CallContext context) =>
        guard is null ? ValueTask.CompletedTask : guard.CheckAsync(context, LeaseAccess.Write, expirer.Store.KeysOf(id));

    private async ValueTask<IMessage> ProposeAsync(InternalRaftRequest proposal, CallContext context)
    {
        if (guard is not null)
            await guard.StampAsync(context, proposal);
        return await proposer.ProposeAsync(proposal, context.Cancellation);
    }

    /// <summary>Completes the state machine's header, which knows at most the revision.</summary>
    private ResponseHeader Header(ResponseHeader? applied) =>
        headers.Header(applied is { Revision: > 0 } ? applied.Revision : history.CurrentRevision);

    private long PickId()
    {
        Span<byte> random = stackalloc byte[8];
        while (true)
        {
            RandomNumberGenerator.Fill(random);
            long id = BinaryPrimitives.ReadInt64LittleEndian(random) & long.MaxValue;
            if (id != 0 && !expirer.Store.Contains(id))
                return id;
        }
    }
}
