using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Cluster;

namespace EtcdNet.Server.Services;

/// <summary>etcdserverpb.Cluster: who the members are.</summary>
public sealed class ClusterService
{
    private readonly MemberStore _members;
    private readonly IReadIndexGate _reads;
    private readonly HeaderSource _headers;

    internal ClusterService(MemberStore members, IReadIndexGate reads, HeaderSource headers)
    {
        _members = members;
        _reads = reads;
        _headers = headers;
    }

    /// <summary>The members in ascending order of id. The header carries no revision, like etcd's.</summary>
    public async ValueTask<MemberListResponse> MemberListAsync(MemberListRequest request, CallContext call)
    {
        if (request.Linearizable)
            await _reads.WaitAsync(call.Cancellation).ConfigureAwait(false);
        var response = new MemberListResponse { Header = _headers.Header(0) };
        foreach (StateMachine.Cluster.Member member in _members.Members)
            response.Members.Add(ToMessage(member));
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
