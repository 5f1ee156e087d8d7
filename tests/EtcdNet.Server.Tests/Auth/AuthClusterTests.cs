using System.Collections.Concurrent;
using EtcdNet.Protocol.Authpb;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Services;
using EtcdNet.Server.Tests.Cluster;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Testing;
using Google.Protobuf;

namespace EtcdNet.Server.Tests.Auth;

/// <summary>Whole members with authentication switched on.</summary>
public sealed class AuthClusterTests
{
    private static readonly ByteString s_secret = ByteString.CopyFromUtf8("secret");

    [Fact]
    public async Task A_token_of_one_member_counts_on_all_and_writes_are_judged_wherever_they_come_in()
    {
        await using ClusterWorld world = await StartAsync(3);
        for (int number = 1; number <= 3; number++)
        {
            string token = await TokenAsync(world[number], "bob");
            foreach (RunningMember member in world.Running)
            {
                CallContext bob = As(token);
                await ClusterWorld.RetryAsync(async () => await member.Services.Kv.PutAsync(Put("b1"), bob));
                await DeniedAsync(EtcdError.PermissionDenied, async () => await member.Services.Kv.PutAsync(Put("secret"), bob));
                await DeniedAsync(EtcdError.PermissionDenied, async () => await member.Services.Kv.RangeAsync(new RangeRequest { Key = s_secret }, bob));
                await DeniedAsync(EtcdError.UserEmpty, async () => await member.Services.Kv.RangeAsync(new RangeRequest { Key = s_secret, Serializable = true }, As(null)));
                await DeniedAsync(EtcdError.InvalidAuthToken, async () => await member.Services.Kv.RangeAsync(new RangeRequest { Key = s_secret }, As("abcdefghijklmnop.1")));
            }
        }
        await world.AgreeAsync();
        Assert.Single(world.Running.Select(static member => Convert.ToHexString(StateMachine.Auth.AuthCodec.Write(member.Machine.Auth.View).ToByteArray())).Distinct());
    }

    [Fact]
    public async Task Leases_expire_with_keys_that_only_root_may_write()
    {
        await using ClusterWorld world = await StartAsync(1);
        RunningMember member = world[1];
        CallContext root = As(await TokenAsync(member, "root")), bob = As(await TokenAsync(member, "bob"));
        LeaseGrantResponse lease = await member.Services.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = 5, TTL = 600 }, bob);
        await member.Services.Kv.PutAsync(new PutRequest { Key = s_secret, Lease = lease.ID }, root);
        await DeniedAsync(EtcdError.PermissionDenied, async () => await member.Services.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 5 }, bob));
        await DeniedAsync(EtcdError.PermissionDenied, async () => await member.Services.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = 5, Keys = true }, bob));
        await DeniedAsync(EtcdError.PermissionDenied, async () => await member.Services.Lease.LeaseLeasesAsync(new LeaseLeasesRequest(), bob));
        await DeniedAsync(EtcdError.PermissionDenied, () => KeepAliveAsync(member, bob));
        await DeniedAsync(EtcdError.UserEmpty, () => KeepAliveAsync(member, As(null)));
        await DeniedAsync(EtcdError.UserEmpty, async () => await member.Services.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = 5 }, As(null)));
        Assert.Equal(600, (await member.Services.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = 5 }, bob)).GrantedTTL);

        // Nobody's call ends this one; the server does, in the name of root.
        long written = await PutWithShortLeaseAsync(member, bob, root);
        await world.UntilAsync(() => member.Machine.Store.CurrentRevision == written + 1, "the lease has ended");
        Assert.Empty((await member.Services.Kv.RangeAsync(new RangeRequest { Key = s_secret }, root)).Kvs);
    }

    [Fact]
    public async Task A_change_of_users_under_a_read_is_no_reason_to_refuse_it()
    {
        await using ClusterWorld world = await StartAsync(1);
        MemberServices services = world[1].Services;
        string token = await TokenAsync(world[1], "root");
        await services.Kv.PutAsync(new PutRequest { Key = s_secret, Value = ByteString.CopyFromUtf8("v") }, As(token));
        await services.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = 5, TTL = 600 }, As(token));
        ulong revision = world[1].Machine.Auth.View.Revision;
        CallContext Interrupted() => new InterruptedCall(() =>
        {
            var other = new AuthUserChangePasswordRequest { Name = "bob", Password = "new" };
            services.Auth.UserChangePasswordAsync(other, As(token)).AsTask().Wait(Deadline.Limit);
        }) { Token = token };
        for (int way = 0; way < 4; way++)
            Assert.Equal("v", await ReadAsync(world[1], Interrupted(), way));
        await services.Lease.LeaseLeasesAsync(new LeaseLeasesRequest(), Interrupted());
        Assert.Equal(revision + 5, world[1].Machine.Auth.View.Revision);

        // But not for ever: a script that changes users all the time must not hold a reader's thread all the time.
        revision = world[1].Machine.Auth.View.Revision;
        CallContext restless = new InterruptedCall(
            () => services.Auth.UserChangePasswordAsync(new AuthUserChangePasswordRequest { Name = "bob", Password = "new" }, As(token)).AsTask().Wait(Deadline.Limit), always: true) { Token = token };
        await DeniedAsync(EtcdError.AuthOldRevision, async () => await ReadAsync(world[1], restless, 0));
        Assert.InRange(world[1].Machine.Auth.View.Revision, revision + 2, revision + 20);

        // Who loses the right in between is refused.
        CallContext bob = new InterruptedCall(() => services.Auth.UserRevokeRoleAsync(new AuthUserRevokeRoleRequest { Name = "bob", Role = "b" }, As(token)).AsTask().Wait(Deadline.Limit))
        {
            Token = await TokenAsync(world[1], "bob", "new"),
        };
        await DeniedAsync(EtcdError.PermissionDenied, async () => await services.Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("b1") }, bob));
    }

    [Fact]
    public async Task The_rest_of_the_cluster_is_for_root()
    {
        await using ClusterWorld world = await StartAsync(1);
        MemberServices services = world[1].Services;
        CallContext bob = As(await TokenAsync(world[1], "bob"));
        var add = new MemberAddRequest { PeerURLs = { "http://new:2380" } };
        Func<CallContext, Task>[] forRoot =
        [
            async call => await services.Kv.CompactAsync(new CompactionRequest { Revision = 1 }, call),
            async call => await services.Cluster.MemberAddAsync(add, call),
            async call => await services.Cluster.MemberRemoveAsync(new MemberRemoveRequest { ID = 1 }, call),
            async call => await services.Cluster.MemberUpdateAsync(new MemberUpdateRequest { ID = 1, PeerURLs = { "http://new:2380" } }, call),
            async call => await services.Cluster.MemberPromoteAsync(new MemberPromoteRequest { ID = 1 }, call),
            async call => await services.Maintenance.DefragmentAsync(new DefragmentRequest(), call),
            async call => await services.Maintenance.HashAsync(new HashRequest(), call),
            async call => await services.Maintenance.HashKvAsync(new HashKVRequest(), call),
            async call => await services.Maintenance.MoveLeaderAsync(new MoveLeaderRequest(), call),
            async call => await services.Maintenance.DowngradeAsync(new DowngradeRequest(), call),
            async call => await services.Maintenance.AlarmAsync(new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, Alarm = AlarmType.Corrupt }, call),
            async call => await services.Auth.UserListAsync(new AuthUserListRequest(), call),
        ];
        foreach (Func<CallContext, Task> ask in forRoot)
        {
            await DeniedAsync(EtcdError.PermissionDenied, () => ask(bob));
            await DeniedAsync(EtcdError.UserEmpty, () => ask(As(null)));
        }
        Func<CallContext, Task>[] forAll =
        [
            async call => await services.Maintenance.StatusAsync(new StatusRequest(), call),
            async call => await services.Maintenance.AlarmAsync(new AlarmRequest(), call),
            async call => await services.Cluster.MemberListAsync(new MemberListRequest(), call),
            async call => await services.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 600 }, call),
            async call => await services.Lease.LeaseLeasesAsync(new LeaseLeasesRequest(), call),
        ];
        foreach (Func<CallContext, Task> ask in forAll)
        {
            await ask(bob);
            await DeniedAsync(EtcdError.UserEmpty, () => ask(As(null)));
        }
    }

    [Fact]
    public async Task Reads_that_race_with_the_loss_of_a_permission_see_nothing_that_was_written_after_it()
    {
        await using ClusterWorld world = await StartAsync(1);
        RunningMember member = world[1];
        CallContext root = As(await TokenAsync(member, "root")), bob = As(await TokenAsync(member, "bob"));
        var grant = new AuthRoleGrantPermissionRequest { Name = "b", Perm = new Permission { PermType = Permission.Types.Type.Readwrite, Key = s_secret } };
        var revoke = new AuthRoleRevokePermissionRequest { Role = "b", Key = s_secret };
        var seen = new ConcurrentBag<string>();
        bool over = false;
        Task[] readers = [.. Enumerable.Range(0, 4).Select(reader => Task.Run(async () =>
        {
            while (!Volatile.Read(ref over))
            {
                try
                {
                    seen.Add(await ReadAsync(member, bob, reader));
                }
                catch (EtcdException refused) when (refused.Message == EtcdError.PermissionDenied.Message)
                {
                    // As it should be.
                }
            }
        }))];
        for (int round = 0; round < 100; round++)
        {
            await member.Services.Auth.RoleGrantPermissionAsync(grant, root);
            await member.Services.Kv.PutAsync(new PutRequest { Key = s_secret, Value = ByteString.CopyFromUtf8("open") }, root);
            await member.Services.Auth.RoleRevokePermissionAsync(revoke, root);
            await member.Services.Kv.PutAsync(new PutRequest { Key = s_secret, Value = ByteString.CopyFromUtf8("closed") }, root);
            await member.Services.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = s_secret }, root);
        }
        Volatile.Write(ref over, true);
        await Task.WhenAll(readers);
        Assert.DoesNotContain("closed", seen);
        Assert.NotEmpty(seen);
    }

    [Fact]
    public async Task A_waiter_whose_token_ended_takes_the_lock_from_nobody()
    {
        await using ClusterWorld world = await StartAsync(1);
        MemberServices services = world[1].Services;
        CallContext root = As(await TokenAsync(world[1], "root")), bob = As(await TokenAsync(world[1], "bob"));
        foreach (long id in (long[])[1, 2, 3])
            await services.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = 600 }, root);
        ByteString line = ByteString.CopyFromUtf8("b-line");
        var held = await services.Lock.LockAsync(new Protocol.V3lockpb.LockRequest { Name = line, Lease = 1 }, root);
        Task waiting = services.Lock.LockAsync(new Protocol.V3lockpb.LockRequest { Name = line, Lease = 2 }, bob).AsTask();
        await world.UntilAsync(() => world[1].Machine.Leases.KeysOf(2).Length == 1, "bob waits");
        // The same session asks once more, by another connection: both calls stand at one place.
        Task again = services.Lock.LockAsync(new Protocol.V3lockpb.LockRequest { Name = line, Lease = 2 }, root).AsTask();
        Task behind = services.Lock.LockAsync(new Protocol.V3lockpb.LockRequest { Name = line, Lease = 3 }, root).AsTask();
        await world.UntilAsync(() => world[1].Machine.Leases.KeysOf(3).Length == 1, "the next one waits");
        await services.Auth.UserChangePasswordAsync(new AuthUserChangePasswordRequest { Name = "bob", Password = "new" }, root);
        await services.Lock.UnlockAsync(new Protocol.V3lockpb.UnlockRequest { Key = held.Key }, root);
        await Assert.ThrowsAsync<EtcdException>(() => waiting.WaitAsync(Deadline.Limit));
        await again.WaitAsync(Deadline.Limit);
        Assert.Single(world[1].Machine.Leases.KeysOf(2));
        Assert.False(behind.IsCompleted);
        await services.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 2 }, root);
        await behind.WaitAsync(Deadline.Limit);
    }

    [Fact]
    public async Task Tokens_do_not_survive_a_restart_but_users_do()
    {
        await using ClusterWorld world = await StartAsync(1);
        string token = await TokenAsync(world[1], "bob");
        await world[1].Services.Kv.PutAsync(Put("b1"), As(token));
        await world.StopAsync(1);
        await world.StartAsync(1);
        await DeniedAsync(EtcdError.InvalidAuthToken, async () => await world[1].Services.Kv.PutAsync(Put("b1"), As(token)));
        await world[1].Services.Kv.PutAsync(Put("b1"), As(await TokenAsync(world[1], "bob")));
    }

    private static async Task<string> ReadAsync(RunningMember member, CallContext call, int way)
    {
        var range = new RangeRequest { Key = s_secret, Serializable = way % 2 == 0 };
        if (way < 2)
            return Text(await member.Services.Kv.RangeAsync(range, call));
        TxnResponse txn = await member.Services.Kv.TxnAsync(new TxnRequest { Success = { new RequestOp { RequestRange = range } } }, call);
        return Text(txn.Responses[0].ResponseRange);

        static string Text(RangeResponse response) => response.Kvs.Count == 0 ? "" : response.Kvs[0].Value.ToStringUtf8();
    }

    /// <summary>Gives the revision of the write. A slow machine may lose the lease before that, so as often as it takes.</summary>
    private static async Task<long> PutWithShortLeaseAsync(RunningMember member, CallContext owner, CallContext writer)
    {
        while (true)
        {
            LeaseGrantResponse lease = await member.Services.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 2 }, owner);
            try
            {
                return (await member.Services.Kv.PutAsync(new PutRequest { Key = s_secret, Lease = lease.ID }, writer)).Header.Revision;
            }
            catch (EtcdException ended) when (ended.Message == EtcdError.LeaseNotFound.Message)
            {
                // Once more.
            }
        }
    }

    private static async Task KeepAliveAsync(RunningMember member, CallContext call)
    {
        var requests = new FakeRequests<LeaseKeepAliveRequest>();
        requests.Send(new LeaseKeepAliveRequest { ID = 5 });
        requests.HalfClose();
        await member.Services.Lease.LeaseKeepAliveAsync(requests, new NoAnswers(), call);
    }

    /// <summary>Members with root and bob (password: the name), whose role may read and write [b, c).</summary>
    private static async Task<ClusterWorld> StartAsync(int founders)
    {
        var world = new ClusterWorld(founders) { Adjust = static options => options with { BcryptCost = 4 } };
        await world.StartAllAsync();
        await ClusterWorld.RetryAsync(async () =>
        {
            AuthService auth = world[1].Services.Auth;
            CallContext call = As(null);
            foreach (string user in (string[])["root", "bob"])
                await OnceAsync(async () => await auth.UserAddAsync(new AuthUserAddRequest { Name = user, Password = user }, call));
            await OnceAsync(async () => await auth.RoleAddAsync(new AuthRoleAddRequest { Name = "b" }, call));
            var permission = new Permission { PermType = Permission.Types.Type.Readwrite, Key = ByteString.CopyFromUtf8("b"), RangeEnd = ByteString.CopyFromUtf8("c") };
            await auth.RoleGrantPermissionAsync(new AuthRoleGrantPermissionRequest { Name = "b", Perm = permission }, call);
            await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "bob", Role = "b" }, call);
            await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" }, call);
            await OnceAsync(async () => await auth.AuthEnableAsync(new AuthEnableRequest(), call));
        });
        return world;
    }

    /// <summary>A try that timed out may have been made all the same.</summary>
    private static async Task OnceAsync(Func<Task> what)
    {
        try
        {
            await what();
        }
        catch (EtcdException done) when (done.Message == EtcdError.UserAlreadyExist.Message || done.Message == EtcdError.RoleAlreadyExist.Message || done.Message == EtcdError.UserEmpty.Message)
        {
            // Done.
        }
    }

    private static async Task<string> TokenAsync(RunningMember member, string user, string? password = null)
    {
        string token = "";
        var request = new AuthenticateRequest { Name = user, Password = password ?? user };
        await ClusterWorld.RetryAsync(async () => token = (await member.Services.Auth.AuthenticateAsync(request, As(null))).Token);
        return token;
    }

    private static async Task DeniedAsync(EtcdError error, Func<Task> what)
    {
        EtcdException refused = await Assert.ThrowsAsync<EtcdException>(() => ClusterWorld.RetryAsync(what));
        Assert.Equal((error.Code, error.Message), (refused.Code, refused.Message));
    }

    private static PutRequest Put(string key) => new() { Key = ByteString.CopyFromUtf8(key) };

    private static CallContext As(string? token) => new() { Token = token };

    private sealed class NoAnswers : IResponseStream<LeaseKeepAliveResponse>
    {
        public ValueTask WriteAsync(LeaseKeepAliveResponse message, CancellationToken cancellation) => throw new Xunit.Sdk.XunitException($"renewed to {message.TTL} s");
    }

    /// <summary>Something happens when the server has chosen by which users it judges this call and asks who calls; once, or each time.</summary>
    private sealed class InterruptedCall(Action happening, bool always = false) : CallContext
    {
        private int _asked;

        public override string? Token
        {
            get
            {
                if (always || Interlocked.Increment(ref _asked) == 1)
                    happening();
                return base.Token;
            }
            init => base.Token = value;
        }
    }
}
