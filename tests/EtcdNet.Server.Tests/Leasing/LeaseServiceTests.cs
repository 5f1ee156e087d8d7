using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Leasing;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Leases;

namespace EtcdNet.Server.Tests.Leasing;

/// <summary>Rules 29 to 32 and the golden answers of the lease calls.</summary>
public sealed class LeaseServiceTests
{
    [Fact]
    public async Task Grant_raises_small_TTLs_and_keeps_the_clients_id()
    {
        using var world = Leader();
        foreach ((long id, long ttl) in new[] { (10L, 0L), (11L, 1L), (12L, -5L) })
        {
            LeaseGrantResponse answer = await GrantAsync(world, id, ttl);
            Assert.Equal(new LeaseGrantResponse { Header = world.Headers.Header(1), ID = id, TTL = 2 }, answer);
        }
        var exists = await Assert.ThrowsAsync<EtcdException>(() => GrantAsync(world, 10, 60));
        Assert.Equal((GrpcStatus.FailedPrecondition, "etcdserver: lease already exists"), (exists.Code, exists.Message));
        var large = await Assert.ThrowsAsync<EtcdException>(() => GrantAsync(world, 13, 9_000_000_001));
        Assert.Equal((GrpcStatus.OutOfRange, "etcdserver: too large lease TTL"), (large.Code, large.Message));
    }

    [Fact]
    public async Task Grant_without_an_id_picks_a_positive_one()
    {
        using var world = Leader();
        var ids = new HashSet<long>();
        for (int i = 0; i < 1000; i++)
            ids.Add((await GrantAsync(world, 0, 60)).ID);
        Assert.Equal(1000, ids.Count);
        Assert.All(ids, static id => Assert.True(id > 0));
    }

    [Fact]
    public async Task Grant_without_an_id_tries_another_one_when_somebody_took_it()
    {
        using var world = Leader();
        world.Proposer.Before = (request, _) =>
        {
            world.Proposer.Before = null;
            world.Leases.Grant(request.LeaseGrant.ID, 60);
            return Task.CompletedTask;
        };
        LeaseGrantResponse answer = await GrantAsync(world, 0, 60);
        Assert.Equal(2, world.Leases.Count);
        Assert.True(world.Leases.Contains(answer.ID));
    }

    [Fact]
    public async Task Revoke_answers_with_its_own_revision_or_NotFound()
    {
        using var world = Leader();
        await GrantAsync(world, 5, 60);
        LeaseRevokeResponse answer = await world.Service.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 5 }, LeaseWorld.Context);
        Assert.Equal(world.Headers.Header(42), answer.Header);
        var gone = await Assert.ThrowsAsync<EtcdException>(async () =>
            await world.Service.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 5 }, LeaseWorld.Context));
        Assert.Equal((GrpcStatus.NotFound, "etcdserver: requested lease not found"), (gone.Code, gone.Message));
    }

    [Fact]
    public async Task Keep_alive_renews_and_an_unknown_lease_has_TTL_zero()
    {
        using var world = Leader();
        await GrantAsync(world, 5, 60);
        world.Seconds(30);
        (FakeRequests<LeaseKeepAliveRequest> requests, FakeResponses<LeaseKeepAliveResponse> responses, Task ended) = KeepAlive(world);
        requests.Send(new LeaseKeepAliveRequest { ID = 5 });
        Assert.Equal(new LeaseKeepAliveResponse { Header = world.Headers.Header(1), ID = 5, TTL = 60 }, await responses.NextAsync());
        Assert.Equal(60, await world.RemainingAsync(5));
        requests.Send(new LeaseKeepAliveRequest { ID = 999 });
        Assert.Equal(new LeaseKeepAliveResponse { Header = world.Headers.Header(1), ID = 999 }, await responses.NextAsync());
        Assert.True(world.Consensus.Waits >= 2, "leadership is confirmed for every renewal");
        requests.HalfClose();
        await ended.WaitAsync(Deadline.Limit);
    }

    [Fact]
    public async Task Keep_alive_of_an_expired_lease_answers_zero_when_it_is_revoked()
    {
        using var world = Leader();
        await GrantAsync(world, 5, 10);
        var hold = new TaskCompletionSource();
        world.Proposer.Before = (_, _) => hold.Task;
        world.Seconds(11);
        (FakeRequests<LeaseKeepAliveRequest> requests, FakeResponses<LeaseKeepAliveResponse> responses, _) = KeepAlive(world);
        requests.Send(new LeaseKeepAliveRequest { ID = 5 });
        Assert.Equal(0, responses.Waiting);
        hold.SetResult();
        Assert.Equal(0, (await responses.NextAsync()).TTL);
    }

    [Fact]
    public async Task Time_to_live_tells_whole_seconds_keys_and_minus_one_when_gone()
    {
        using var world = Leader();
        await GrantAsync(world, 5, 60);
        world.Leases.Attach(5, "b"u8.ToArray());
        world.Leases.Attach(5, "a"u8.ToArray());
        world.Seconds(0.25);
        var request = new LeaseTimeToLiveRequest { ID = 5, Keys = true };
        LeaseTimeToLiveResponse answer = await world.Service.LeaseTimeToLiveAsync(request, LeaseWorld.Context);
        Assert.Equal((world.Headers.Header(1), 5L, 59L, 60L), (answer.Header, answer.ID, answer.TTL, answer.GrantedTTL));
        Assert.Equal(["a", "b"], answer.Keys.Select(static key => key.ToStringUtf8()));
        request.Keys = false;
        Assert.Empty((await world.Service.LeaseTimeToLiveAsync(request, LeaseWorld.Context)).Keys);
        request.ID = 6;
        Assert.Equal(
            new LeaseTimeToLiveResponse { Header = world.Headers.Header(1), ID = 6, TTL = -1 },
            await world.Service.LeaseTimeToLiveAsync(request, LeaseWorld.Context));
    }

    [Fact]
    public async Task The_list_begins_with_the_lease_that_expires_first()
    {
        using var world = Leader();
        await GrantAsync(world, 1, 60);
        await GrantAsync(world, 2, 30);
        await GrantAsync(world, 3, 90);
        LeaseLeasesResponse answer = await world.Service.LeaseLeasesAsync(new LeaseLeasesRequest(), LeaseWorld.Context);
        Assert.Equal([2, 1, 3], answer.Leases.Select(static lease => lease.ID));
        Assert.Equal(world.Headers.Header(1), answer.Header);
    }

    [Fact]
    public async Task A_follower_asks_the_leader()
    {
        var forwarder = new Forwarder();
        using var world = new LeaseWorld(forwarder: forwarder);
        world.Consensus.Current = world.Consensus.Current with { Leader = 3 };
        (FakeRequests<LeaseKeepAliveRequest> requests, FakeResponses<LeaseKeepAliveResponse> responses, _) = KeepAlive(world);
        requests.Send(new LeaseKeepAliveRequest { ID = 5 });
        Assert.Equal(17, (await responses.NextAsync()).TTL);
        Assert.Equal(16, await world.RemainingAsync(5));
        Assert.Equal(-1, await world.RemainingAsync(6));
        Assert.Equal([3UL, 3UL, 3UL], forwarder.Asked);
    }

    [Fact]
    public async Task A_follower_judges_its_clients_before_it_asks_the_leader()
    {
        var forwarder = new Forwarder();
        using var world = new LeaseWorld(forwarder: forwarder, guard: new Guard { Refuse = true });
        world.Leases.Grant(5, 60);
        world.Leases.Attach(5, "foreign"u8.ToArray());
        world.Consensus.Current = world.Consensus.Current with { Leader = 3 };
        (FakeRequests<LeaseKeepAliveRequest> requests, _, Task ended) = KeepAlive(world);
        requests.Send(new LeaseKeepAliveRequest { ID = 5 });
        var refused = await Assert.ThrowsAsync<EtcdException>(() => ended.WaitAsync(Deadline.Limit));
        Assert.Equal(EtcdError.PermissionDenied.Message, refused.Message);
        Assert.Empty(forwarder.Asked);
    }

    [Fact]
    public async Task A_follower_that_lags_behind_judges_keys_by_what_the_leader_answered_from()
    {
        var forwarder = new Forwarder { Keys = ["secret"] };
        var guard = new Guard();
        using var world = new LeaseWorld(forwarder: forwarder, guard: guard);
        world.Consensus.Current = world.Consensus.Current with { Leader = 3 };
        // The right was taken away before the key was attached; this member hears of it with the read index.
        world.Consensus.OnWait = () =>
        {
            guard.Refuse |= forwarder.Asked.Count > 0;
            return ValueTask.CompletedTask;
        };
        var keys = new LeaseTimeToLiveRequest { ID = 5, Keys = true };
        var refused = await Assert.ThrowsAsync<EtcdException>(async () => await world.Service.LeaseTimeToLiveAsync(keys, LeaseWorld.Context));
        Assert.Equal(EtcdError.PermissionDenied.Message, refused.Message);
        Assert.Equal([3UL], forwarder.Asked);
        // Without keys there is nothing to hide, and nothing to wait for.
        forwarder.Keys = [];
        int waits = world.Consensus.Waits;
        Assert.Equal(16, await world.RemainingAsync(5));
        Assert.Equal(waits, world.Consensus.Waits);
    }

    [Fact]
    public async Task A_follower_without_a_way_to_the_leader_says_so()
    {
        using var world = new LeaseWorld();
        world.Consensus.Current = world.Consensus.Current with { Leader = 3 };
        (FakeRequests<LeaseKeepAliveRequest> requests, _, Task ended) = KeepAlive(world);
        requests.Send(new LeaseKeepAliveRequest { ID = 5 });
        var refused = await Assert.ThrowsAsync<EtcdException>(() => ended.WaitAsync(Deadline.Limit));
        Assert.Equal((GrpcStatus.FailedPrecondition, "etcdserver: not leader"), (refused.Code, refused.Message));
    }

    [Fact]
    public async Task Without_a_leader_the_question_waits_for_one_as_long_as_a_request_may_take()
    {
        using var world = new LeaseWorld();
        world.Leases.Grant(5, 60);
        world.Consensus.Current = world.Consensus.Current with { Leader = 0 };
        Task<long> patient = world.RemainingAsync(5);
        world.Seconds(3);
        Assert.False(patient.IsCompleted);
        world.Consensus.Current = world.Consensus.Current with { Leader = 1 };
        world.Seconds(1); // leads, but has not begun to time the leases
        Assert.False(patient.IsCompleted);
        world.Expirer.Promote(TimeSpan.FromSeconds(1));
        await AdvanceUntilAsync(world, patient);
        Assert.Equal(60, await patient);

        world.Expirer.Demote();
        world.Consensus.Current = world.Consensus.Current with { Leader = 0 };
        Task<long> inVain = world.RemainingAsync(5);
        await AdvanceUntilAsync(world, inVain);
        var refused = await Assert.ThrowsAsync<EtcdException>(() => inVain);
        Assert.Equal(EtcdError.NoLeader.Message, refused.Message);
    }

    [Theory]
    [InlineData("stop", "etcdserver: server stopped")]
    [InlineData("leader", "etcdserver: no leader")]
    [InlineData("client", "etcdserver: request canceled")]
    public async Task A_keep_alive_stream_ends_with_the_reason(string how, string text)
    {
        using var world = Leader();
        using var leave = new CancellationTokenSource();
        var context = new CallContext { RequireLeader = true, Cancellation = leave.Token };
        (_, _, Task ended) = KeepAlive(world, context);
        if (how == "stop")
            await world.Stopping.CancelAsync();
        else if (how == "client")
            await leave.CancelAsync();
        else
            world.Consensus.Current = world.Consensus.Current with { Leader = 0 };
        world.Seconds(3);
        var refused = await Assert.ThrowsAsync<EtcdException>(() => ended.WaitAsync(Deadline.Limit));
        Assert.Equal(text, refused.Message);
    }

    [Fact]
    public async Task The_guard_judges_attached_keys_and_stamps_proposals()
    {
        var guard = new Guard();
        using var world = Leader(guard);
        await GrantAsync(world, 5, 60);
        Assert.Equal("u", world.Proposer.Proposed[0].Header.Username);
        world.Leases.Attach(5, "a"u8.ToArray());
        guard.Refuse = true;
        (FakeRequests<LeaseKeepAliveRequest> requests, _, Task ended) = KeepAlive(world);
        requests.Send(new LeaseKeepAliveRequest { ID = 5 });
        await Assert.ThrowsAsync<EtcdException>(() => ended.WaitAsync(Deadline.Limit));
        var keys = new LeaseTimeToLiveRequest { ID = 5, Keys = true };
        await Assert.ThrowsAsync<EtcdException>(async () => await world.Service.LeaseTimeToLiveAsync(keys, LeaseWorld.Context));
        await Assert.ThrowsAsync<EtcdException>(async () =>
            await world.Service.LeaseLeasesAsync(new LeaseLeasesRequest(), LeaseWorld.Context));
        Assert.Equal(60, await world.RemainingAsync(5));
        // The last questions each begin with whether the caller is anybody at all.
        Assert.Equal(LeaseAccess.Write, guard.Asked[0]);
        Assert.Equal([LeaseAccess.Read, LeaseAccess.Read, LeaseAccess.Read, LeaseAccess.Read], guard.Asked.Skip(1));
    }

    private static LeaseWorld Leader(ILeaseGuard? guard = null)
    {
        var world = new LeaseWorld(guard: guard);
        world.Expirer.Promote(TimeSpan.FromSeconds(1));
        return world;
    }

    private static async Task<LeaseGrantResponse> GrantAsync(LeaseWorld world, long id, long ttl) =>
        await world.Service.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = ttl }, LeaseWorld.Context);

    private static (FakeRequests<LeaseKeepAliveRequest> Requests, FakeResponses<LeaseKeepAliveResponse> Responses, Task Ended)
        KeepAlive(LeaseWorld world, CallContext? context = null)
    {
        var requests = new FakeRequests<LeaseKeepAliveRequest>();
        var responses = new FakeResponses<LeaseKeepAliveResponse>();
        return (requests, responses, world.Service.LeaseKeepAliveAsync(requests, responses, context ?? LeaseWorld.Context));
    }

    /// <summary>Lets time pass in small steps until a task that polls on another thread is done.</summary>
    private static Task AdvanceUntilAsync(LeaseWorld world, Task task) =>
        Deadline.UntilAsync(
            () =>
            {
                if (!task.IsCompleted)
                    world.Seconds(0.001);
                return task.IsCompleted;
            },
            "the answer");

    private sealed class Forwarder : ILeaseForwarder
    {
        public List<ulong> Asked { get; } = [];

        public string[] Keys { get; set; } = [];

        public ValueTask<long> RenewAsync(ulong leader, long id, CancellationToken cancellation)
        {
            Asked.Add(leader);
            return ValueTask.FromResult(17L);
        }

        public ValueTask<LeaseTimeToLiveResponse?> TimeToLiveAsync(
            ulong leader, LeaseTimeToLiveRequest request, CancellationToken cancellation)
        {
            Asked.Add(leader);
            return ValueTask.FromResult(request.ID == 5 ? new LeaseTimeToLiveResponse { ID = 5, TTL = 16, Keys = { Keys.Select(Google.Protobuf.ByteString.CopyFromUtf8) } } : null);
        }
    }

    private sealed class Guard : ILeaseGuard
    {
        public bool Refuse { get; set; }

        public List<LeaseAccess> Asked { get; } = [];

        public ValueTask CheckAsync(CallContext context, LeaseAccess access, IEnumerable<ReadOnlyMemory<byte>> keys)
        {
            Asked.Add(access);
            return Refuse && keys.Any() ? throw EtcdError.PermissionDenied.ToException() : ValueTask.CompletedTask;
        }

        public ValueTask StampAsync(CallContext context, InternalRaftRequest request)
        {
            request.Header = new RequestHeader { Username = "u" };
            return ValueTask.CompletedTask;
        }
    }
}
