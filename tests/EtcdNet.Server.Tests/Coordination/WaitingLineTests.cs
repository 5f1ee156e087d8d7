using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Protocol.V3lockpb;
using EtcdNet.Server.Locking;
using EtcdNet.Server.Services;
using EtcdNet.Server.Tests.Cluster;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;

namespace EtcdNet.Server.Tests.Coordination;

/// <summary>Where locks and elections are safer than etcd's: these tests would fail on a real one.</summary>
public sealed class WaitingLineTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly ClusterWorld _world = new(1);

    private MemberServices Services => _world[1].Services;

    public Task InitializeAsync() => _world.StartAllAsync();

    Task IAsyncLifetime.DisposeAsync() => Task.CompletedTask;

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Who_loses_its_place_hears_so_while_others_still_hold()
    {
        await GrantAsync(1, 2);
        await LockAsync("l", 1);
        Task<LockResponse> waiting = LockAsync("l", 2);
        await KeysAsync("l", 2);
        await RevokeAsync(2);
        await RefusedAsync(waiting, "mutex: session is expired");
    }

    [Fact]
    public async Task A_candidate_whose_lease_ended_never_leads()
    {
        await GrantAsync(1, 2);
        LeaderKey first = (await CampaignAsync("e", 1, "one")).Leader;
        Task<CampaignResponse> waiting = CampaignAsync("e", 2, "two");
        await KeysAsync("e", 2);
        await RevokeAsync(2);
        await Services.Election.ResignAsync(new ResignRequest { Leader = first }, new CallContext());
        await RefusedAsync(waiting, "election: not leader");
    }

    [Fact]
    public async Task A_key_of_the_same_name_is_not_the_same_place()
    {
        await GrantAsync(1, 2);
        LockResponse held = await LockAsync("l", 1);
        Task<LockResponse> first = LockAsync("l", 2);
        await KeysAsync("l", 2);
        await Services.Lock.UnlockAsync(new UnlockRequest { Key = ByteString.CopyFromUtf8("l/2") }, new CallContext());
        Task<LockResponse> second = LockAsync("l", 2);
        await RefusedAsync(first, "mutex: session is expired");
        await KeysAsync("l", 2);
        await Services.Lock.UnlockAsync(new UnlockRequest { Key = held.Key }, new CallContext());
        Assert.Equal("l/2", (await second.WaitAsync(Deadline.Limit)).Key.ToStringUtf8());
    }

    [Fact]
    public async Task Who_is_given_up_leaves_the_place_to_another_call_of_its_session()
    {
        await GrantAsync(1, 2, 3);
        LockResponse held = await LockAsync("l", 1);
        using var leaving = new CancellationTokenSource();
        using var last = new CancellationTokenSource();
        Task<LockResponse> given = LockAsync("l", 2, leaving.Token), again = LockAsync("l", 2, last.Token);
        await KeysAsync("l", 2);
        Task<LockResponse> behind = LockAsync("l", 3);
        await KeysAsync("l", 3);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.WaitAsync(Deadline.Limit));
        await KeysAsync("l", 3);
        await Services.Lock.UnlockAsync(new UnlockRequest { Key = held.Key }, new CallContext());
        Assert.Equal("l/2", (await again.WaitAsync(Deadline.Limit)).Key.ToStringUtf8());
        Assert.False(behind.IsCompleted);

        // The last one takes the place with it.
        await Services.Lock.UnlockAsync(new UnlockRequest { Key = ByteString.CopyFromUtf8("l/2") }, new CallContext());
        await behind.WaitAsync(Deadline.Limit);
        Task<LockResponse> alone = LockAsync("l", 2, last.Token);
        await KeysAsync("l", 2);
        await last.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => alone.WaitAsync(Deadline.Limit));
        await KeysAsync("l", 1);
    }

    [Fact]
    public void A_place_is_nobodys_when_the_last_call_leaves_it_and_none_was_told_that_it_holds_it()
    {
        var standings = new Standings();
        ByteString key = ByteString.CopyFromUtf8("l/1");
        Stand(7, 7, 7);
        Assert.False(standings.Leave(key, 7, holds: false));
        Assert.False(standings.Leave(key, 7, holds: true));
        Assert.False(standings.Leave(key, 7, holds: false));
        Assert.Equal(0, standings.Count);

        // One that has lost its place, and another that has taken a new one.
        Stand(7, 9);
        Assert.False(standings.Leave(key, 7, holds: true));
        Assert.True(standings.Leave(key, 9, holds: false));
        Stand(7, 9);
        Assert.True(standings.Leave(key, 9, holds: false));
        Assert.True(standings.Leave(key, 7, holds: false));

        // Who asks now may be told this place.
        Stand(7);
        standings.Enter(key);
        Assert.False(standings.Leave(key, 7, holds: false));
        standings.LeaveUnsettled(key);
        Assert.Equal(0, standings.Count);

        void Stand(params long[] revisions)
        {
            foreach (long revision in revisions)
            {
                standings.Enter(key);
                standings.Settle(key, revision);
            }
        }
    }

    [Fact]
    public async Task A_compaction_disturbs_neither_waiters_nor_observers()
    {
        await GrantAsync(1, 2);
        LeaderKey first = (await CampaignAsync("e", 1, "one")).Leader;
        using var left = new CancellationTokenSource();
        var observed = new FakeResponses<LeaderResponse>();
        Task observing = Services.Election.ObserveAsync(
            new LeaderRequest { Name = ByteString.CopyFromUtf8("e") }, observed, new CallContext { Cancellation = left.Token });
        Assert.Equal("one", (await observed.NextAsync()).Kv.Value.ToStringUtf8());
        Task<CampaignResponse> second = CampaignAsync("e", 2, "two");
        await KeysAsync("e", 2);
        for (int i = 0; i < 50; i++)
        {
            PutResponse put = await Services.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("other") }, new CallContext());
            await Services.Kv.CompactAsync(new CompactionRequest { Revision = put.Header.Revision, Physical = true }, new CallContext());
        }
        await Services.Election.ResignAsync(new ResignRequest { Leader = first }, new CallContext());
        Assert.Equal("two", (await observed.NextAsync()).Kv.Value.ToStringUtf8());
        Assert.Equal(2, (await second.WaitAsync(Deadline.Limit)).Leader.Lease);
        await left.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => observing.WaitAsync(Deadline.Limit));
    }

    [Fact]
    public async Task The_end_of_the_server_ends_those_who_wait()
    {
        await GrantAsync(1, 2);
        await LockAsync("l", 1);
        Task<LockResponse> waiting = LockAsync("l", 2);
        await KeysAsync("l", 2);
        await _world.StopAsync(1);
        EtcdException stopped = await Assert.ThrowsAsync<EtcdException>(() => waiting.WaitAsync(Deadline.Limit));
        Assert.Equal((GrpcStatus.Unavailable, EtcdError.Stopped.Message), (stopped.Code, stopped.Message));
    }

    private static async Task RefusedAsync(Task call, string text)
    {
        EtcdException refused = await Assert.ThrowsAsync<EtcdException>(() => call.WaitAsync(Deadline.Limit));
        Assert.Equal((GrpcStatus.Unknown, text), (refused.Code, refused.Message));
    }

    private async Task GrantAsync(params long[] ids)
    {
        foreach (long id in ids)
            await Services.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = 600 }, new CallContext());
    }

    private async Task RevokeAsync(long id) => await Services.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = id }, new CallContext());

    private Task<LockResponse> LockAsync(string name, long lease, CancellationToken cancellation = default) => Services.Lock.LockAsync(
        new LockRequest { Name = ByteString.CopyFromUtf8(name), Lease = lease }, new CallContext { Cancellation = cancellation }).AsTask();

    private Task<CampaignResponse> CampaignAsync(string name, long lease, string value) => Services.Election.CampaignAsync(
        new CampaignRequest { Name = ByteString.CopyFromUtf8(name), Lease = lease, Value = ByteString.CopyFromUtf8(value) }, new CallContext()).AsTask();

    private Task KeysAsync(string name, int count) => Deadline.UntilAsync(
        () => _world[1].Machine.Store.Range(new RangeRequest
        {
            Key = ByteString.CopyFromUtf8(name + "/"), RangeEnd = ByteString.CopyFromUtf8(name + "0"), CountOnly = true,
        }).Count == count,
        $"{count} keys of {name}");
}
