using EtcdNet.Protocol.Etcdserverpb;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>Members: lists, changes that are refused, and a learner that is added and removed at once.</summary>
internal sealed class ClusterSession(World world, int client) : Session(world, client)
{
    // Only what etcd refuses for sure: a voter that it takes, with a port of 99999 for example, takes the majority of a lone member along.
    private static readonly string[] _badUrls =
        ["", "x", "m8:2380", "http://m8", "ftp://m8:1", "http://m8:1/path", "http://m8:x", "//m8:1", "http://m 8:1"];

    /// <inheritdoc/>
    public override Task StepAsync() => Random.Next(14) switch
    {
        < 4 => CallAsync("MemberList", new MemberListRequest { Linearizable = Random.Next(2) == 0 }),
        < 7 => AddAsync(),
        < 9 => CallAsync("MemberRemove", new MemberRemoveRequest { ID = Id() }),
        // etcd takes any text for the URL of a member, and loses the member by it: the member must be one that is not there.
        < 10 => CallAsync("MemberUpdate", new MemberUpdateRequest { ID = OneOf<ulong>(0, 1, ulong.MaxValue), PeerURLs = { Refused() } }),
        < 11 => CallAsync("MemberUpdate", new MemberUpdateRequest { ID = Id(), PeerURLs = { Side.PeerUrl } }),
        < 13 => CallAsync("MemberPromote", new MemberPromoteRequest { ID = Id() }),
        _ => LearnerAsync(),
    };

    private ulong Id() => OneOf<ulong>(0, 1, ulong.MaxValue, Side.OwnMember);

    private string[] Refused() => Random.Next(6) switch
    {
        0 => [],
        1 => ["http://m8:2380", OneOf(_badUrls)],
        _ => [OneOf(_badUrls)],
    };

    private Task<Outcome> AddAsync()
    {
        var request = new MemberAddRequest { IsLearner = Random.Next(2) == 0 };
        request.PeerURLs.Add(Random.Next(4) == 0 ? [Side.PeerUrl] : Refused());
        return CallAsync("MemberAdd", request);
    }

    private async Task LearnerAsync()
    {
        // Never the same twice: ids are made of the URL and the second, and one that was removed does not come back.
        string url = $"http://m{World.Requests}.example:2380";
        Outcome added = await CallAsync("MemberAdd", new MemberAddRequest { IsLearner = true, PeerURLs = { url } });
        if (added.Answer is not MemberAddResponse { Member.ID: var id })
            return;
        await CallAsync("MemberList", new MemberListRequest());
        await CallAsync("MemberAdd", new MemberAddRequest { IsLearner = true, PeerURLs = { Random.Next(2) == 0 ? url : "http://other.example:2380" } });
        await CallAsync("MemberPromote", new MemberPromoteRequest { ID = id });
        await CallAsync("MoveLeader", new MoveLeaderRequest { TargetID = id });
        await CallAsync("MemberUpdate", new MemberUpdateRequest { ID = id, PeerURLs = { Random.Next(2) == 0 ? Side.PeerUrl : "http://third.example:2380" } });
        await CallAsync("MemberRemove", new MemberRemoveRequest { ID = id });
        await CallAsync("MemberRemove", new MemberRemoveRequest { ID = id });
    }
}
