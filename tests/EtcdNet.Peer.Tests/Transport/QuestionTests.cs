using System.Text;
using EtcdNet.Peer.Tests.Support;
using EtcdNet.Peer.Transport;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Membership;
using EtcdNet.StateMachine.Errors;
using Member = EtcdNet.StateMachine.Cluster.Member;

namespace EtcdNet.Peer.Tests.Transport;

/// <summary>What followers pass on to their leader: both ends, and the bytes and texts between them.</summary>
public sealed class QuestionTests
{
    [Fact]
    public async Task Leases_are_renewed_and_looked_at_by_the_leaders_clock()
    {
        await using var cluster = await Pair.StartAsync();
        Assert.Equal(60, await cluster.Client.RenewAsync(2, 7, CancellationToken.None));
        Assert.Equal(0, await cluster.Client.RenewAsync(2, 8, CancellationToken.None));
        var answer = await cluster.Client.TimeToLiveAsync(2, new LeaseTimeToLiveRequest { ID = 7, Keys = true }, CancellationToken.None);
        Assert.Equal((7L, 33L, 60L, "k"), (answer!.ID, answer.TTL, answer.GrantedTTL, answer.Keys.Single().ToStringUtf8()));
        Assert.Null(await cluster.Client.TimeToLiveAsync(2, new LeaseTimeToLiveRequest { ID = 8 }, CancellationToken.None));
    }

    [Fact]
    public async Task A_learner_is_promoted_through_the_leader()
    {
        await using var cluster = await Pair.StartAsync();
        var members = await cluster.Client.PromoteAsync(2, 5, CancellationToken.None);
        Assert.Equal((5ul, "five", false), (members.Single().Id, members.Single().Name, members.Single().IsLearner));
    }

    public static TheoryData<EtcdError> PromoteErrors => [EtcdError.MemberNotFound, EtcdError.MemberNotLearner, EtcdError.LearnerNotReady, EtcdError.Timeout];

    [Theory]
    [MemberData(nameof(PromoteErrors))]
    public async Task The_leaders_refusal_comes_back_as_the_same_error(EtcdError error)
    {
        await using var cluster = await Pair.StartAsync();
        cluster.Questions.Error = error;
        var thrown = await Assert.ThrowsAsync<EtcdException>(async () => await cluster.Client.PromoteAsync(2, 5, CancellationToken.None));
        Assert.Equal((error.Code, error.Message), (thrown.Code, thrown.Message));
    }

    [Fact]
    public async Task Who_leads_no_more_or_is_gone_is_an_error_not_an_unknown_lease()
    {
        await using var cluster = await Pair.StartAsync();
        cluster.Questions.Error = EtcdError.NotLeader;
        await AssertThrowsAsync(EtcdError.NotLeader, () => cluster.Client.RenewAsync(2, 7, CancellationToken.None).AsTask());
        await AssertThrowsAsync(EtcdError.NotLeader, () => cluster.Client.RenewAsync(99, 7, CancellationToken.None).AsTask());
        using var dead = new FakeMember();
        dead.StopListening();
        cluster.Follower.Knows((3, dead.Url));
        await AssertThrowsAsync(EtcdError.TimeoutDueToConnectionLost, () => cluster.Client.RenewAsync(3, 7, CancellationToken.None).AsTask());
    }

    [Theory]
    [InlineData("/leases", "0807", 200, "1007" + "183c")]
    [InlineData("/leases", "0808", 404, "lease not found\n")]
    [InlineData("/leases", "0880", 400, "error unmarshalling request\n")]
    [InlineData("/leases/internal", "0a040807" + "1001", 200, null)]
    [InlineData("/leases/internal", "0a020808", 404, "lease not found\n")]
    [InlineData("/members/promote/6", "", 404, "membership: ID not found\n")]
    [InlineData("/members/promote/x", "", 404, "member x not found in cluster\n")]
    [InlineData("/members/promote/8", "", 412, "membership: can only promote a learner member\n")]
    [InlineData("/members/promote/9", "", 412, "etcdserver: can only promote a learner member which is in sync with leader\n")]
    public async Task Answers_have_etcds_bytes(string path, string bodyHex, int status, string? expected)
    {
        await using var peer = await TestPeer.StartAsync(1, questions: new FakeQuestions());
        using var fake = new FakeMember();
        using var answer = await fake.PostAsync(peer.Url, path, Convert.FromHexString(bodyHex));
        Assert.StartsWith($"HTTP/1.1 {status} ", answer.StartLine, StringComparison.Ordinal);
        var body = await answer.ReadWholeBodyAsync();
        if (status == 200)
            Assert.Equal("application/protobuf", answer.Headers["Content-Type"]);
        if (expected is not null)
            Assert.Equal(expected, status == 200 ? Convert.ToHexStringLower(body) : Encoding.UTF8.GetString(body));
    }

    [Fact]
    public async Task Whether_a_downgrade_is_under_way_is_told()
    {
        await using var peer = await TestPeer.StartAsync(1, questions: new FakeQuestions());
        using var http = await RawHttp.ConnectAsync(peer.Url);
        await http.WriteAsync("GET /downgrade/enabled HTTP/1.1\r\nHost: x\r\n\r\n");
        await http.ReadHeadAsync();
        Assert.Equal("false", Encoding.UTF8.GetString(await http.ReadWholeBodyAsync()));
    }

    [Fact]
    public async Task A_member_is_asked_for_the_hash_of_its_keys()
    {
        await using var cluster = await Pair.StartAsync();
        var hash = await cluster.Follower.Transport.AskHashAsync(2, 5, CancellationToken.None);
        Assert.Equal((2590629752u, 4L, 6L), (hash!.Value.Hash, hash.Value.CompactRevision, hash.Value.CurrentRevision));
        Assert.Null(await cluster.Follower.Transport.AskHashAsync(2, 99, CancellationToken.None));
        Assert.Null(await cluster.Follower.Transport.AskHashAsync(3, 5, CancellationToken.None));
        using var dead = new FakeMember();
        dead.StopListening();
        cluster.Follower.Knows((3, dead.Url));
        Assert.Null(await cluster.Follower.Transport.AskHashAsync(3, 5, CancellationToken.None));
    }

    /// <summary>Asked of etcd 3.5.30 in the same words; the revision of the hash came with 3.6.</summary>
    [Theory]
    [InlineData("GET", "", """{"revision":5}""", 200, """{"header":{"revision":6},"hash":2590629752,"compact_revision":4,"hash_revision":5}""")]
    [InlineData("GET", "", """{"Revision":5,"x":1}""", 200, """{"header":{"revision":6},"hash":2590629752,"compact_revision":4,"hash_revision":5}""")]
    [InlineData("GET", "X-Etcd-Cluster-ID: 8d9fa1f3dd2c1d34\r\n", "{}", 200, """{"header":{"revision":6},"hash":2590629752,"compact_revision":4,"hash_revision":6}""")]
    [InlineData("GET", "X-Etcd-Cluster-ID: 1\r\n", """{"revision":5}""", 412, "cluster ID mismatch\n")]
    [InlineData("GET", "", "", 400, "error unmarshalling request\n")]
    [InlineData("GET", "", """{"revision":"5"}""", 400, "error unmarshalling request\n")]
    [InlineData("GET", "", """{"revision":2}""", 400, "mvcc: required revision has been compacted\n")]
    [InlineData("GET", "", """{"revision":99}""", 400, "mvcc: required revision is a future revision\n")]
    [InlineData("POST", "", "{}", 405, "Method Not Allowed\n")]
    public async Task The_hash_of_the_keys_is_told(string method, string header, string body, int status, string expected)
    {
        await using var peer = await TestPeer.StartAsync(1, questions: new FakeQuestions());
        using var http = await RawHttp.ConnectAsync(peer.Url);
        await http.WriteAsync($"{method} /members/hashkv HTTP/1.1\r\nHost: x\r\n{header}Content-Length: {body.Length}\r\n\r\n{body}");
        await http.ReadHeadAsync();
        Assert.StartsWith($"HTTP/1.1 {status} ", http.StartLine, StringComparison.Ordinal);
        Assert.Equal(expected, Encoding.UTF8.GetString(await http.ReadWholeBodyAsync()));
    }

    private static async Task AssertThrowsAsync(EtcdError error, Func<Task> call) =>
        Assert.Equal(error.Message, (await Assert.ThrowsAsync<EtcdException>(call)).Message);

    /// <summary>Member 1, which asks, and member 2, which leads.</summary>
    private sealed class Pair(TestPeer follower, TestPeer leader, FakeQuestions questions) : IAsyncDisposable
    {
        public TestPeer Follower { get; } = follower;

        public FakeQuestions Questions { get; } = questions;

        public LeaderClient Client { get; } = new(follower.Transport);

        public static async Task<Pair> StartAsync()
        {
            var questions = new FakeQuestions();
            var pair = new Pair(await TestPeer.StartAsync(1), await TestPeer.StartAsync(2, questions: questions), questions);
            pair.Follower.Knows(pair.Leader);
            return pair;
        }

        public async ValueTask DisposeAsync()
        {
            await Follower.DisposeAsync();
            await Leader.DisposeAsync();
        }

        private TestPeer Leader { get; } = leader;
    }

    /// <summary>Knows lease 7 and learner 5; 6 is nobody, 8 votes already, 9 lags.</summary>
    private sealed class FakeQuestions : IPeerQuestions
    {
        public EtcdError? Error { get; set; }

        public bool IsDowngradeEnabled => false;

        public ulong ClusterId => TestPeer.ClusterId;

        public ValueTask<HashKVResponse> HashKvAsync(long revision, CancellationToken cancellation)
        {
            if (revision is 2 or 99)
                throw (revision == 2 ? EtcdError.Compacted : EtcdError.FutureRev).ToException();
            return new(new HashKVResponse
            {
                Header = new ResponseHeader { Revision = 6 }, Hash = 2590629752, CompactRevision = 4, HashRevision = revision == 0 ? 6 : revision,
            });
        }

        public ValueTask<long> RenewLeaseAsync(long id, CancellationToken cancellation)
        {
            ThrowIfAsked(Error);
            return ValueTask.FromResult(id == 7 ? 60L : 0);
        }

        public ValueTask<LeaseTimeToLiveResponse?> LeaseTimeToLiveAsync(LeaseTimeToLiveRequest request, CancellationToken cancellation)
        {
            ThrowIfAsked(Error);
            if (request.ID != 7)
                return ValueTask.FromResult<LeaseTimeToLiveResponse?>(null);
            var answer = new LeaseTimeToLiveResponse { ID = 7, TTL = 33, GrantedTTL = 60 };
            if (request.Keys)
                answer.Keys.Add(Google.Protobuf.ByteString.CopyFromUtf8("k"));
            return ValueTask.FromResult<LeaseTimeToLiveResponse?>(answer);
        }

        public ValueTask<IReadOnlyList<Member>> PromoteAsync(ulong id, CancellationToken cancellation)
        {
            ThrowIfAsked(Error ?? id switch
            {
                6 => EtcdError.MemberNotFound,
                8 => EtcdError.MemberNotLearner,
                9 => EtcdError.LearnerNotReady,
                _ => null,
            });
            return ValueTask.FromResult<IReadOnlyList<Member>>([new Member { Id = id, Name = "five", PeerUrls = ["http://127.0.0.1:1"] }]);
        }

        private static void ThrowIfAsked(EtcdError? error)
        {
            if (error is not null)
                throw error.ToException();
        }
    }
}
