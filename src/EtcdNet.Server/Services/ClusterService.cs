using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Auth;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Membership;
using EtcdNet.StateMachine.Cluster;

namespace EtcdNet.Server.Services;

/// <summary>
/// etcdserverpb.Cluster: who the members are. Headers carry no revision, like etcd's. With authentication on, changes need a user with
/// the role root, and the list any user.
/// </summary>
public sealed class ClusterService
{
    private readonly MemberStore _members;
    private readonly IReadIndexGate _reads;
    private readonly HeaderSource _headers;

    private readonly AuthGuard _guard;
    private readonly MembershipChanges _changes;

    internal ClusterService(MemberStore members, IReadIndexGate reads, AuthGuard guard, HeaderSource headers, MembershipChanges changes)
    {
        _guard = guard;
        _changes = changes;
        _members = members;
        _reads = reads;
        _headers = headers;
    }

    /// <summary>Adds a member that has yet to be started.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">
    /// MemberBadURLs, MemberNotEnoughStarted, Unhealthy, PeerURLExist, TooManyLearners; or what proposals throw.
    /// </exception>
    public async ValueTask<MemberAddResponse> MemberAddAsync(MemberAddRequest request, CallContext call)
    {
        MembershipChanges.ThrowUnlessUrls(request.PeerURLs);
        await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        StateMachine.Cluster.Member added = await _changes.AddAsync(request.PeerURLs, request.IsLearner, call.Cancellation).ConfigureAwait(false);
        var response = new MemberAddResponse { Header = _headers.Header(0), Member = ToMessage(added) };
        response.Members.AddRange(_members.Members.Select(ToMessage));
        return response;
    }

    /// <summary>Removes a member for ever; it stops when it hears of it.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">MemberNotFound, MemberNotEnoughStarted, Unhealthy; or what proposals throw.</exception>
    public async ValueTask<MemberRemoveResponse> MemberRemoveAsync(MemberRemoveRequest request, CallContext call)
    {
        await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        await _changes.RemoveAsync(request.ID, call.Cancellation).ConfigureAwait(false);
        var response = new MemberRemoveResponse { Header = _headers.Header(0) };
        response.Members.AddRange(_members.Members.Select(ToMessage));
        return response;
    }

    /// <summary>Changes the peer URLs of a member.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">MemberBadURLs, MemberNotFound, PeerURLExist; or what proposals throw.</exception>
    public async ValueTask<MemberUpdateResponse> MemberUpdateAsync(MemberUpdateRequest request, CallContext call)
    {
        await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        await _changes.UpdateAsync(request.ID, request.PeerURLs, call.Cancellation).ConfigureAwait(false);
        var response = new MemberUpdateResponse { Header = _headers.Header(0) };
        response.Members.AddRange(_members.Members.Select(ToMessage));
        return response;
    }

    /// <summary>Makes a learner a voter.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">MemberNotFound, MemberNotLearner, LearnerNotReady, MemberNotEnoughStarted; or what proposals throw.</exception>
    public async ValueTask<MemberPromoteResponse> MemberPromoteAsync(MemberPromoteRequest request, CallContext call)
    {
        await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        IReadOnlyList<StateMachine.Cluster.Member> members = await _changes.PromoteAsync(request.ID, call.Cancellation).ConfigureAwait(false);
        var response = new MemberPromoteResponse { Header = _headers.Header(0) };
        response.Members.AddRange(members.Select(ToMessage));
        return response;
    }

    /// <summary>The members in ascending order of id.</summary>
    public async ValueTask<MemberListResponse> MemberListAsync(MemberListRequest request, CallContext call)
    {
        if (request.Linearizable)
            await _reads.WaitAsync(call.Cancellation).ConfigureAwait(false);
        await _guard.RequireUserAsync(call).ConfigureAwait(false);
        var response = new MemberListResponse { Header = _headers.Header(0) };
        response.Members.AddRange(_members.Members.Select(ToMessage));
        return response;
    }

    private static Protocol.Etcdserverpb.Member ToMessage(StateMachine.Cluster.Member member)
    {
        var message = new Protocol.Etcdserverpb.Member { ID = member.Id, Name = member.Name, IsLearner = member.IsLearner };
        message.PeerURLs.AddRange(member.PeerUrls);
        message.ClientURLs.AddRange(member.ClientUrls);
        return message;
    }
}
