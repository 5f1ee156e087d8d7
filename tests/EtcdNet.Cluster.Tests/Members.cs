using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;

namespace EtcdNet.Cluster.Tests;

/// <summary>Changes of the membership, tried until they are done; a change that was done without an answer is recognised.</summary>
internal static class Members
{
    private const string Service = "/etcdserverpb.Cluster/";

    /// <summary>Removes a member.</summary>
    public static Task RemoveAsync(ProcessCluster cluster, ulong id) => cluster.AskAnyAsync(async client =>
    {
        var reply = await client.Grpc.CallAsync<MemberRemoveResponse>(Service + "MemberRemove", new MemberRemoveRequest { ID = id });
        return reply.Status == GrpcStatus.NotFound ? Done(new MemberRemoveResponse()) : reply;
    });

    /// <summary>Adds a member; gives all of them.</summary>
    public static async Task<IReadOnlyList<Member>> AddAsync(ProcessCluster cluster, string peerUrl, bool isLearner)
    {
        var request = new MemberAddRequest { IsLearner = isLearner };
        request.PeerURLs.Add(peerUrl);
        await cluster.AskAnyAsync(async client =>
        {
            var reply = await client.Grpc.CallAsync<MemberAddResponse>(Service + "MemberAdd", request);
            return reply.Message.Contains("Peer URLs already exists", StringComparison.Ordinal) ? Done(new MemberAddResponse()) : reply;
        });
        return await ListAsync(cluster);
    }

    /// <summary>Makes a learner a voter, as soon as it has caught up.</summary>
    public static Task PromoteAsync(ProcessCluster cluster, ulong id) => cluster.AskAnyAsync(async client =>
    {
        var reply = await client.Grpc.CallAsync<MemberPromoteResponse>(Service + "MemberPromote", new MemberPromoteRequest { ID = id });
        return reply.Message.Contains("can only promote a learner", StringComparison.Ordinal) ? Done(new MemberPromoteResponse()) : reply;
    });

    /// <summary>All members, linearizable.</summary>
    public static async Task<IReadOnlyList<Member>> ListAsync(ProcessCluster cluster) =>
        (await cluster.AskAnyAsync(client => client.Grpc.CallAsync<MemberListResponse>(Service + "MemberList", new MemberListRequest { Linearizable = true }))).Members;

    private static GrpcReply<T> Done<T>(T answer)
        where T : class => new(GrpcStatus.OK, "", answer);
}
