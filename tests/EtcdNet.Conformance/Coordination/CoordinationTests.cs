using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Protocol.V3lockpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Conformance.Coordination;

/// <summary>What the scripts cannot show of locks and elections: callers that wait. Each test has names and leases of its own.</summary>
public sealed class CoordinationTests(ServerFixture fixture) : IClassFixture<ServerFixture>, IDisposable
{
    private readonly EtcdClient _client = new(fixture.Server.ClientUrl);

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Waiters_get_a_lock_in_the_order_in_which_they_came()
    {
        const int Waiters = 5;
        var waiting = new List<Task<GrpcReply<LockResponse>>>();
        for (int i = 0; i < Waiters; i++)
        {
            await GrantAsync(100 + i);
            waiting.Add(LockAsync("order", 100 + i));
            await KeysAsync("order/", i + 1);
        }
        for (int i = 0; i < Waiters; i++)
        {
            LockResponse held = (await waiting[i]).Answer;
            Assert.Equal($"order/{100 + i:x}", held.Key.ToStringUtf8());
            Assert.All(waiting.Skip(i + 1), static later => Assert.False(later.IsCompleted));
            await UnlockAsync(held.Key);
        }
        await KeysAsync("order/", 0);
    }

    [Fact]
    public async Task A_waiter_that_leaves_leaves_the_line()
    {
        await GrantAsync(200);
        await GrantAsync(201);
        await GrantAsync(202);
        LockResponse held = (await LockAsync("leave", 200)).Answer;
        using var leaving = new CancellationTokenSource();
        Task<GrpcReply<LockResponse>> second = LockAsync("leave", 201, leaving.Token);
        await KeysAsync("leave/", 2);
        Task<GrpcReply<LockResponse>> third = LockAsync("leave", 202);
        await KeysAsync("leave/", 3);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        await KeysAsync("leave/", 2);
        Assert.False(third.IsCompleted);
        await UnlockAsync(held.Key);
        Assert.Equal("leave/ca", (await third).Answer.Key.ToStringUtf8());
    }

    [Fact]
    public async Task A_waiter_that_loses_its_lease_does_not_get_the_lock()
    {
        await GrantAsync(300);
        await GrantAsync(301);
        LockResponse held = (await LockAsync("lost", 300)).Answer;
        Task<GrpcReply<LockResponse>> second = LockAsync("lost", 301);
        await KeysAsync("lost/", 2);
        await RevokeAsync(301);
        await UnlockAsync(held.Key);
        GrpcReply<LockResponse> reply = await second;
        Assert.Equal((GrpcStatus.Unknown, "mutex: session is expired"), (reply.Status, reply.Message));
    }

    [Fact]
    public async Task The_end_of_the_holders_lease_passes_the_lock_on()
    {
        await GrantAsync(400);
        await GrantAsync(401);
        await LockAsync("expiry", 400);
        Task<GrpcReply<LockResponse>> second = LockAsync("expiry", 401);
        await KeysAsync("expiry/", 2);
        await RevokeAsync(400);
        Assert.Equal("expiry/191", (await second).Answer.Key.ToStringUtf8());
    }

    [Fact]
    public async Task A_lock_without_a_lease_gets_one_of_a_minute()
    {
        LockResponse held = (await LockAsync("own", 0)).Answer;
        RangeResponse found = (await _client.RangeAsync(held.Key.ToStringUtf8())).Answer;
        Assert.Equal($"own/{found.Kvs[0].Lease:x}", held.Key.ToStringUtf8());
        LeaseTimeToLiveResponse lease = (await _client.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = found.Kvs[0].Lease })).Answer;
        Assert.Equal(60, lease.GrantedTTL);
        await UnlockAsync(held.Key);
    }

    [Fact]
    public async Task Candidates_lead_one_after_the_other_and_an_observer_sees_each()
    {
        await GrantAsync(500);
        await GrantAsync(501);
        using GrpcStream<LeaderRequest, LeaderResponse> observer = Observe("reign");
        CampaignResponse first = (await CampaignAsync("reign", 500, "one")).Answer;
        Assert.Equal("one", await NextAsync(observer));
        Task<GrpcReply<CampaignResponse>> second = CampaignAsync("reign", 501, "two");
        await KeysAsync("reign/", 2);
        // Its last value is newer than the key of the one who follows.
        await _client.Grpc.CallAsync<ProclaimResponse>(
            "/v3electionpb.Election/Proclaim", new ProclaimRequest { Leader = first.Leader, Value = ByteString.CopyFromUtf8("one more") });
        Assert.Equal("one more", await NextAsync(observer));
        Assert.False(second.IsCompleted);
        await _client.Grpc.CallAsync<ResignResponse>("/v3electionpb.Election/Resign", new ResignRequest { Leader = first.Leader });
        Assert.Equal("two", await NextAsync(observer));
        LeaderKey leader = (await second).Answer.Leader;
        Assert.Equal(("reign/1f5", 501L), (leader.Key.ToStringUtf8(), leader.Lease));
        await RevokeAsync(501);
        await GrantAsync(502);
        await CampaignAsync("reign", 502, "three");
        Assert.Equal("three", await NextAsync(observer));
    }

    [Fact]
    public async Task A_candidate_that_leaves_stands_no_more()
    {
        await GrantAsync(600);
        await GrantAsync(601);
        await CampaignAsync("candidate", 600, "one");
        using var leaving = new CancellationTokenSource();
        Task<GrpcReply<CampaignResponse>> second = CampaignAsync("candidate", 601, "two", leaving.Token);
        await KeysAsync("candidate/", 2);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        await KeysAsync("candidate/", 1);
    }

    [Fact]
    public async Task Many_compete_and_never_two_hold_the_lock()
    {
        const int Clients = 16;
        const int Turns = 4;
        int inside = 0;
        async Task CompeteAsync(int number)
        {
            await GrantAsync(800 + number);
            for (int turn = 0; turn < Turns; turn++)
            {
                LockResponse held = (await LockAsync("many", 800 + number)).Answer;
                Assert.Equal(1, Interlocked.Increment(ref inside));
                await _client.PutAsync("work", $"{number}");
                Interlocked.Decrement(ref inside);
                await UnlockAsync(held.Key);
            }
        }
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(CompeteAsync));
        await KeysAsync("many/", 0);
    }

    private static async Task<string> NextAsync(GrpcStream<LeaderRequest, LeaderResponse> observer) =>
        (await observer.NextAsync(TimeSpan.FromSeconds(60))).Kv.Value.ToStringUtf8();

    private Task<GrpcReply<LockResponse>> LockAsync(string name, long lease, CancellationToken cancellation = default) =>
        _client.Grpc.CallAsync<LockResponse>("/v3lockpb.Lock/Lock", new LockRequest { Name = ByteString.CopyFromUtf8(name), Lease = lease }, cancellation);

    private async Task UnlockAsync(ByteString key) =>
        Assert.NotNull((await _client.Grpc.CallAsync<UnlockResponse>("/v3lockpb.Lock/Unlock", new UnlockRequest { Key = key })).Answer);

    private Task<GrpcReply<CampaignResponse>> CampaignAsync(string name, long lease, string value, CancellationToken cancellation = default)
    {
        var request = new CampaignRequest { Name = ByteString.CopyFromUtf8(name), Lease = lease, Value = ByteString.CopyFromUtf8(value) };
        return _client.Grpc.CallAsync<CampaignResponse>("/v3electionpb.Election/Campaign", request, cancellation);
    }

    private GrpcStream<LeaderRequest, LeaderResponse> Observe(string name)
    {
        GrpcStream<LeaderRequest, LeaderResponse> observer = _client.Grpc.Open<LeaderRequest, LeaderResponse>("/v3electionpb.Election/Observe");
        observer.Send(new LeaderRequest { Name = ByteString.CopyFromUtf8(name) });
        observer.CompleteRequests();
        return observer;
    }

    private async Task GrantAsync(long id) => Assert.Equal(id, (await _client.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = 600 })).Answer.ID);

    private async Task RevokeAsync(long id) => Assert.NotNull((await _client.LeaseRevokeAsync(new LeaseRevokeRequest { ID = id })).Answer);

    /// <summary>Waits until a line has so many keys.</summary>
    private async Task KeysAsync(string prefix, int count)
    {
        var request = new RangeRequest { Key = ByteString.CopyFromUtf8(prefix), RangeEnd = ByteString.CopyFromUtf8(prefix[..^1] + "0"), CountOnly = true };
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        long end = Environment.TickCount64 + 60_000;
        while ((await _client.RangeAsync(request)).Answer.Count != count)
        {
            Assert.True(Environment.TickCount64 < end, $"{prefix} never had {count} keys");
            await timer.WaitForNextTickAsync();
        }
    }
}
