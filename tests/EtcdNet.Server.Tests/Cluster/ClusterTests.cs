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
