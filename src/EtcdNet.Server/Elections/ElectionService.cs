using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Server.Locking;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Elections;

/// <summary>
/// v3electionpb.Election: candidates stand in a <see cref="WaitingLine"/>, the one in front leads, and the value of its key
/// is what it proclaims. Errors and texts are etcd's; they come as Unknown since etcd raises them in its client library.
/// </summary>
public sealed class ElectionService
{
    private readonly IHeaderSource _headers;
    private readonly WaitingLine _line;

    internal ElectionService(IHeaderSource headers, WaitingLine line)
    {
        _headers = headers;
        _line = line;
    }

    /// <summary>
    /// Stands for election and waits to lead. Who asks again with the same lease keeps its place and only changes its value.
    /// </summary>
    /// <exception cref="EtcdException">
    /// Unknown: LeaseNotFound's text, or <c>election: not leader</c> when the candidate's lease ended while it waited (etcd
    /// would name it the leader all the same).
    /// </exception>
    /// <exception cref="OperationCanceledException">The caller left or its deadline passed; it stands no more.</exception>
    public async ValueTask<CampaignResponse> CampaignAsync(CampaignRequest request, CallContext call)
    {
        try
        {
            // A place that nobody waits at would block everybody behind it for as long as the lease is kept alive.
            return await _line
                .StandAsync(request.Name, request.Lease, request.Value, call, LeadAsync, place => place.Existing is not null && !call.Cancellation.IsCancellationRequested)
                .ConfigureAwait(false);
        }
        catch (EtcdException error)
        {
            throw WaitingLine.ForCaller(error);
        }

        async ValueTask<CampaignResponse> LeadAsync(Place place)
        {
            if (place.Existing is { } existing && existing.Value != request.Value)
                await ChangeValueAsync(request, place, call).ConfigureAwait(false);
            if (await _line.WaitForTurnAsync(request.Name, place, call).ConfigureAwait(false) is null)
                throw NotLeader;
            return new CampaignResponse
            {
                Header = _headers.Header(place.ReadRevision),
                Leader = new LeaderKey { Name = request.Name, Key = place.Key, Rev = place.Revision, Lease = place.Lease },
            };
        }
    }

    /// <summary>Changes the value of the leader without a new election.</summary>
    /// <exception cref="EtcdException">Unknown: <c>"leader" field must be provided</c>, <c>election: not leader</c>, EmptyKey's text.</exception>
    public async ValueTask<ProclaimResponse> ProclaimAsync(ProclaimRequest request, CallContext call)
    {
        LeaderKey leader = Required(request.Leader);
        try
        {
            var put = new PutRequest { Key = leader.Key, Value = request.Value };
            if (!leader.Key.IsEmpty)
                put.Lease = await _line.LeaseAsync(leader.Lease, call).ConfigureAwait(false);
            TxnResponse answer = await _line
                .IfCreatedAtAsync(leader.Key, leader.Rev, new RequestOp { RequestPut = put }, call).ConfigureAwait(false);
            return answer.Succeeded ? new ProclaimResponse { Header = answer.Header } : throw NotLeader;
        }
        catch (EtcdException error)
        {
            throw WaitingLine.ForCaller(error);
        }
    }

    /// <summary>Gives the leadership or the candidacy up. A key that is not the caller's any more is no error.</summary>
    /// <exception cref="EtcdException">Unknown: <c>"leader" field must be provided</c>, EmptyKey's text.</exception>
    public async ValueTask<ResignResponse> ResignAsync(ResignRequest request, CallContext call)
    {
        LeaderKey leader = Required(request.Leader);
        try
        {
            var delete = new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = leader.Key } };
            TxnResponse answer = await _line.IfCreatedAtAsync(leader.Key, leader.Rev, delete, call).ConfigureAwait(false);
            return new ResignResponse { Header = answer.Header };
        }
        catch (EtcdException error)
        {
            throw WaitingLine.ForCaller(error);
        }
    }

    /// <summary>Who leads now.</summary>
    /// <exception cref="EtcdException">Unknown: <c>election: no leader</c>.</exception>
    public async ValueTask<LeaderResponse> LeaderAsync(LeaderRequest request, CallContext call)
    {
        try
        {
            RangeResponse first = await _line.FirstAsync(request.Name, call).ConfigureAwait(false);
            return first.Kvs.Count == 0
                ? throw new EtcdException(GrpcStatus.Unknown, "election: no leader")
                : new LeaderResponse { Header = first.Header, Kv = first.Kvs[0] };
        }
        catch (EtcdException error)
        {
            throw WaitingLine.ForCaller(error);
        }
    }

    /// <summary>
    /// Tells every leader and every value that a leader proclaims, beginning with the present one if there is one, until the
    /// caller leaves. A caller that reads slowly may miss values of a leader only where a compaction has taken them.
    /// </summary>
    /// <exception cref="EtcdException">The server stops, there is no leader of the cluster, or the caller may not read the key.</exception>
    public async Task ObserveAsync(LeaderRequest request, IResponseStream<LeaderResponse> responses, CallContext call)
    {
        try
        {
            await new LeaderObserver(_line, responses, call).RunAsync(request.Name).ConfigureAwait(false);
        }
        catch (EtcdException error)
        {
            throw WaitingLine.ForCaller(error);
        }
    }

    private static EtcdException NotLeader => new(GrpcStatus.Unknown, "election: not leader");

    private async ValueTask ChangeValueAsync(CampaignRequest request, Place place, CallContext call)
    {
        var put = new RequestOp { RequestPut = new PutRequest { Key = place.Key, Value = request.Value, Lease = place.Lease } };
        TxnResponse answer = await _line.IfCreatedAtAsync(place.Key, place.Revision, put, call).ConfigureAwait(false);
        if (!answer.Succeeded)
            throw NotLeader;
    }

    private static LeaderKey Required(LeaderKey? leader) =>
        leader ?? throw new EtcdException(GrpcStatus.Unknown, "\"leader\" field must be provided");
}
