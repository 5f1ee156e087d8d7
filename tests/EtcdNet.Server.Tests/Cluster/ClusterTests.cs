using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;

namespace EtcdNet.Server.Tests.Cluster;

/// <summary>Three members with their real threads and stores. What can go wrong between them is the simulation's business.</summary>
public sealed class ClusterTests
{
    [Fact]
    public async Task Every_member_takes_writes_and_serves_reads()
    {
        await using var world = new ClusterWorld(3);
        await world.StartAllAsync();
        for (int number = 1; number <= 3; number++)
            await ClusterWorld.PutAsync(world[number], $"k{number}", $"v{number}");
        foreach (RunningMember member in world.Running)
        {
            for (int number = 1; number <= 3; number++)
                Assert.Equal($"v{number}", await ClusterWorld.GetAsync(member, $"k{number}"));
        }

        await world.AgreeAsync();
        Assert.Equal(3, world[1].Machine.Members.Members.Count);
        Assert.All(world[1].Machine.Members.Members, static member => Assert.NotEmpty(member.Name));
    }

    [Fact]
    public async Task A_member_that_was_away_goes_on_from_a_snapshot_while_it_is_read()
    {
        await using var world = new ClusterWorld(3);
        await world.StartAllAsync();
        RunningMember leader = await world.LeaderAsync();
        int away = Enumerable.Range(1, 3).First(number => world[number] != leader);
        await ClusterWorld.PutAsync(leader, "before", "1");
        await world.AgreeAsync();
        world.Network.Cut(world[away].Peers.MemberId);
        await FillAsync(leader, 0, 60);

        using var stop = new CancellationTokenSource();
        Task<int> reader = ReadAllTheTime(world[away], stop.Token);
        world.Network.Heal();
        await world.UntilAsync(() => world.Network.Snapshots > 0, "a snapshot");
        await FillAsync(leader, 60, 20);
        await world.AgreeAsync();
        await stop.CancelAsync();
        Assert.True(await reader > 0, "nothing was read");
        Assert.Equal("1", await ClusterWorld.GetAsync(world[away], "before", serializable: true));

        await world.StopAsync(away);
        await world.StartAsync(away);
        await world.AgreeAsync();
        Assert.Equal("79", await ClusterWorld.GetAsync(world[away], "k79", serializable: true));
    }

    [Fact]
    public async Task A_damaged_snapshot_is_refused_and_another_one_taken()
    {
        await using var world = new ClusterWorld(3);
        await world.StartAllAsync();
        RunningMember leader = await world.LeaderAsync();
        int away = Enumerable.Range(1, 3).First(number => world[number] != leader);
        await world.AgreeAsync();
        world.Network.Cut(world[away].Peers.MemberId);
        await FillAsync(leader, 0, 60);
        bool damaged = false;
        world.Network.DamageNext(bytes =>
        {
            bytes[^100] ^= 1;
            Volatile.Write(ref damaged, true);
        });
        world.Network.Heal();
        await world.UntilAsync(() => Volatile.Read(ref damaged) && world.Network.Snapshots > 0, "a second snapshot");
        await world.AgreeAsync();
    }

    [Fact]
    public async Task A_watcher_sees_what_a_snapshot_skipped()
    {
        await using var world = new ClusterWorld(3);
        await world.StartAllAsync();
        RunningMember leader = await world.LeaderAsync();
        int away = Enumerable.Range(1, 3).First(number => world[number] != leader);
        await world.AgreeAsync();
        var requests = new FakeRequests<WatchRequest>();
        var responses = new FakeResponses<WatchResponse>();
        using var left = new CancellationTokenSource();
        Task watching = world[away].Services.Watch.WatchAsync(requests, responses, new CallContext { Cancellation = left.Token });
        requests.Send(new WatchRequest
        {
            CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("k"), RangeEnd = ByteString.CopyFromUtf8("l") },
        });
        Assert.True((await responses.NextAsync()).Created);
        world.Network.Cut(world[away].Peers.MemberId);
        await FillAsync(leader, 0, 60);
        world.Network.Heal();
        await world.UntilAsync(() => world.Network.Snapshots > 0, "a snapshot");
        await FillAsync(leader, 60, 5);

        var seen = new List<string>();
        while (seen.Count < 65)
        {
            Task<WatchResponse> next = responses.NextAsync();
            await Task.WhenAny(next, watching);
            if (watching.IsCompleted)
                await watching;
            seen.AddRange((await next).Events.Select(static happened => happened.Kv.Value.ToStringUtf8()));
        }

        Assert.Equal(Enumerable.Range(0, 65).Select(static i => $"{i}"), seen);
        await left.CancelAsync();
        await Assert.ThrowsAsync<EtcdException>(() => watching.WaitAsync(Deadline.Limit));
    }

    [Fact]
    public async Task A_member_joins_from_nothing_and_another_one_is_removed()
    {
        await using var world = new ClusterWorld(3);
        await world.StartAllAsync();
        RunningMember leader = await world.LeaderAsync();
        await FillAsync(leader, 0, 40);
        await ClusterWorld.ChangeAsync(leader, ClusterWorld.Adding(4));
        await world.StartAsync(4, joins: true);
        await world.AgreeAsync();
        Assert.Equal("39", await ClusterWorld.GetAsync(world[4], "k39"));
        Assert.Equal(4, world[4].Machine.Members.Members.Count);

        leader = await world.LeaderAsync();
        int leaving = Enumerable.Range(1, 4).First(number => world[number] != leader);
        await ClusterWorld.ChangeAsync(leader, new ConfChange { Type = ConfChangeType.RemoveNode, NodeId = ClusterWorld.IdOf(leaving) });
        // It hears of it from the log, or from whoever refuses to talk to it.
        await world.UntilAsync(
            () => world[leaving].Removed.IsCompleted || leader.Peers.IsRemoved(ClusterWorld.IdOf(leaving)), "the removal");
        Assert.Equal(PeerVerdict.Removed, leader.Peers.Receive(ClusterWorld.IdOf(leaving), new Message { Type = MessageType.Heartbeat, To = leader.Peers.MemberId }));
        // Who passes on what a former member asked is none itself.
        var passedOn = new Message
        {
            Type = MessageType.ReadIndex, From = ClusterWorld.IdOf(leaving), To = leader.Peers.MemberId,
            Entries = [new Entry(EntryType.Normal, 0, 0, "read"u8.ToArray())],
        };
        ulong other = world.Running.First(member => member != leader && member != world[leaving]).Peers.MemberId;
        Assert.Equal(PeerVerdict.Taken, leader.Peers.Receive(other, passedOn));
        await world.StopAsync(leaving);
        await ClusterWorld.PutAsync(leader, "after", "1");
        await world.AgreeAsync();
    }

    [Fact]
    public async Task The_lead_is_handed_over()
    {
        await using var world = new ClusterWorld(3);
        await world.StartAllAsync();
        RunningMember leader = await world.LeaderAsync();
        ulong target = world.Running.First(member => member != leader).Peers.MemberId;
        await world.AgreeAsync();
        long asked = 0;
        await world.UntilAsync(() =>
        {
            // A transfer that takes too long is given up; then it is asked for again.
            if (Environment.TickCount64 - asked > 2000)
            {
                asked = Environment.TickCount64;
                leader.TransferLeader(target);
            }

            return world.Running.All(member => member.Status.Current.Leader == target);
        }, "the other leader");
    }

    [Fact]
    public async Task A_leader_whose_disk_stands_still_hands_over_and_loses_nothing()
    {
        using var released = new ManualResetEventSlim();
        await using var world = new ClusterWorld(3) { RequestTimeout = TimeSpan.FromMinutes(2) };
        await world.StartAllAsync();
        RunningMember leader = await world.LeaderAsync();
        await world.AgreeAsync();
        world.DiskOf(world.NumberOf(leader)).BeforeChange = (operation, path) =>
        {
            if (operation == "fdatasync" && path.Contains("/wal/", StringComparison.Ordinal))
                released.Wait();
        };
        Task stuck = ClusterWorld.PutAsync(leader, "stuck", "1");
        RunningMember[] others = [.. world.Running.Where(member => member != leader)];
        await world.UntilAsync(() => others.Any(static member => member.Status.Current.IsLeader), "another leader");
        await ClusterWorld.PutAsync(others[0], "meanwhile", "2");
        released.Set();
        await stuck;
        await world.AgreeAsync();
        Assert.Equal("1", await ClusterWorld.GetAsync(leader, "stuck"));
        Assert.Equal("2", await ClusterWorld.GetAsync(leader, "meanwhile"));
    }

    [Fact]
    public async Task What_was_lost_with_a_leader_is_answered_when_the_next_one_begins()
    {
        // With so long a time-out the answer can only come from the change of leaders.
        await using var world = new ClusterWorld(3) { RequestTimeout = TimeSpan.FromHours(1) };
        await world.StartAllAsync();
        RunningMember leader = await world.LeaderAsync();
        RunningMember follower = world.Running.First(member => member != leader);
        await world.AgreeAsync();
        var request = new PutRequest { Key = ByteString.CopyFromUtf8("lost"), Value = ByteString.CopyFromUtf8("1") };
        world.Network.Cut(leader.Peers.MemberId);
        Task<PutResponse> put = follower.Services.Kv.PutAsync(request, new CallContext()).AsTask();
        try
        {
            await put.WaitAsync(TimeSpan.FromSeconds(90));
        }
        catch (EtcdException answer)
        {
            // Passed on to the leader that was cut off. (A follower that has given it up already keeps the put for the next one.)
            Assert.Equal(EtcdError.TimeoutDueToLeaderFail.Message, answer.Message);
        }
        world.Network.Heal();
        await ClusterWorld.PutAsync(leader, "next", "2");
        await world.AgreeAsync();
    }

    [Fact]
    public async Task One_member_makes_a_cluster_of_its_own_out_of_its_data()
    {
        await using var world = new ClusterWorld(3);
        await world.StartAllAsync();
        RunningMember leader = await world.LeaderAsync();
        await FillAsync(leader, 0, 10);
        await world.AgreeAsync();
        for (int number = 1; number <= 3; number++)
            await world.StopAsync(number);
        await world.StartAsync(2, alone: true);
        Assert.Equal("9", await ClusterWorld.GetAsync(world[2], "k9"));
        Assert.Equal([ClusterWorld.IdOf(2)], world[2].Machine.Members.Members.Select(static member => member.Id));
        await ClusterWorld.PutAsync(world[2], "after", "1");
        await world.StopAsync(2);
        await world.StartAsync(2);
        Assert.Equal("1", await ClusterWorld.GetAsync(world[2], "after"));
        Assert.Equal(new[] { ClusterWorld.IdOf(1), ClusterWorld.IdOf(3) }.Order(), world[2].Machine.Members.Removed);
    }

    [Fact]
    public async Task What_waits_for_a_leader_is_done_by_it()
    {
        await using var world = new ClusterWorld(3) { RequestTimeout = TimeSpan.FromHours(1) };
        await world.StartAllAsync();
        await world.LeaderAsync();
        await world.AgreeAsync();
        RunningMember[] all = [.. world.Running];
        foreach (RunningMember member in all)
            world.Network.Cut(member.Peers.MemberId);
        await world.UntilAsync(() => all.All(static member => member.Status.Current.Leader == 0), "no leader");
        Task[] puts = [.. all.Select(static member => ClusterWorld.PutOnceAsync(member, $"held{member.Peers.MemberId}", "1"))];
        await world.UntilAsync(() => all.All(static member => member.PendingProposalCount == 1), "the puts to wait");
        world.Network.Heal();
        await Task.WhenAll(puts).WaitAsync(TimeSpan.FromSeconds(90));
        await world.AgreeAsync();
    }

    [Fact]
    public async Task A_learner_makes_a_cluster_of_its_own_out_of_its_data()
    {
        await using var world = new ClusterWorld(1);
        await world.StartAllAsync();
        await ClusterWorld.PutAsync(world[1], "a", "1");
        await ClusterWorld.ChangeAsync(world[1], ClusterWorld.Adding(2, learner: true));
        await world.StartAsync(2, joins: true);
        await world.AgreeAsync();
        await world.StopAsync(2);
        await world.StopAsync(1);
        await world.StartAsync(2, alone: true);
        Assert.Equal("1", await ClusterWorld.GetAsync(world[2], "a"));
        Assert.False(Assert.Single(world[2].Machine.Members.Members).IsLearner);
    }

    [Fact]
    public async Task Members_are_added_promoted_and_removed_by_the_API()
    {
        await using var world = new ClusterWorld(1);
        await world.StartAllAsync();
        ClusterService cluster = world[1].Services.Cluster;
        var context = new CallContext();
        var add = new MemberAddRequest { PeerURLs = { "http://m9:2380" }, IsLearner = true };
        MemberAddResponse added = await cluster.MemberAddAsync(add, context);
        Assert.True(added.Member.IsLearner);
        Assert.Equal(2, added.Members.Count);
        Assert.Equal(0, added.Header.Revision);
        await RefusedAsync(EtcdError.PeerURLExist, async () => await cluster.MemberAddAsync(new MemberAddRequest { PeerURLs = { "http://m8:2380", "http://m9:2380" } }, context));
        await RefusedAsync(EtcdError.TooManyLearners, async () => await cluster.MemberAddAsync(new MemberAddRequest { PeerURLs = { "http://m8:2380" }, IsLearner = true }, context));
        await RefusedAsync(EtcdError.MemberBadURLs, async () => await cluster.MemberAddAsync(new MemberAddRequest { PeerURLs = { "m8:2380" } }, context));
        await RefusedAsync(EtcdError.MemberBadURLs, async () => await cluster.MemberAddAsync(new MemberAddRequest(), context));
        await RefusedAsync(EtcdError.LearnerNotReady, async () => await cluster.MemberPromoteAsync(new MemberPromoteRequest { ID = added.Member.ID }, context));
        await RefusedAsync(EtcdError.MemberNotLearner, async () => await cluster.MemberPromoteAsync(new MemberPromoteRequest { ID = ClusterWorld.IdOf(1) }, context));
        await RefusedAsync(EtcdError.MemberNotFound, async () => await cluster.MemberPromoteAsync(new MemberPromoteRequest { ID = 4711 }, context));
        await RefusedAsync(EtcdError.MemberNotFound, async () => await cluster.MemberRemoveAsync(new MemberRemoveRequest { ID = 4711 }, context));
        await RefusedAsync(EtcdError.MemberNotEnoughStarted, async () => await cluster.MemberRemoveAsync(new MemberRemoveRequest { ID = ClusterWorld.IdOf(1) }, context));
        await RefusedAsync(EtcdError.BadLeaderTransferee, async () => await world[1].Services.Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = added.Member.ID }, context));
        var update = new MemberUpdateRequest { ID = added.Member.ID, PeerURLs = { "http://m7:2380" } };
        Assert.Contains((await cluster.MemberUpdateAsync(update, context)).Members, static member => member.PeerURLs.Contains("http://m7:2380"));
        Assert.Single((await cluster.MemberRemoveAsync(new MemberRemoveRequest { ID = added.Member.ID }, context)).Members);
        await RefusedAsync(EtcdError.MemberNotFound, async () => await cluster.MemberUpdateAsync(update, context));
    }

    private static async Task RefusedAsync(EtcdError error, Func<Task> what) =>
        Assert.Equal(error.Message, (await Assert.ThrowsAsync<EtcdException>(what)).Message);

    private static async Task FillAsync(RunningMember member, int first, int count)
    {
        for (int i = first; i < first + count; i++)
            await ClusterWorld.PutAsync(member, $"k{i}", $"{i}");
    }

    private static async Task<int> ReadAllTheTime(RunningMember member, CancellationToken stop)
    {
        await Task.Yield();
        int reads = 0;
        for (; !stop.IsCancellationRequested; reads++)
        {
            Assert.Equal("1", await ClusterWorld.GetAsync(member, "before", serializable: true));
            await Task.Yield();
        }

        return reads;
    }
}
