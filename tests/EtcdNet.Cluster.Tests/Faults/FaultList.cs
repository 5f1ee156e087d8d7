using EtcdNet.Cluster.Tests.Load;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Cluster.Tests.Faults;

/// <summary>Everything that is done to a cluster of three. While one member is away the other two must go on being of use.</summary>
internal sealed class FaultList(ProcessCluster cluster, Endpoints endpoints, WallClocks clocks)
{
    private const int SomeWrites = 40;

    /// <summary>All, by name. Each returns when what it broke is mended.</summary>
    public IReadOnlyList<(string Name, Func<LoadProgress, Random, Task> Run)> All =>
    [
        ("kill -9 of the leader", async (progress, _) => await KillAsync(await cluster.LeaderAsync(), progress)),
        ("kill -9 of a follower", async (progress, random) => await KillAsync(await cluster.FollowerAsync(random), progress)),
        ("kill -9 of all", (_, _) => KillAllAsync()),
        ("SIGSTOP of the leader", async (progress, random) => await FreezeAsync(await cluster.LeaderAsync(), progress, random)),
        ("SIGSTOP of a follower", async (progress, random) => await FreezeAsync(await cluster.FollowerAsync(random), progress, random)),
        ("the leader alone", async (progress, random) => await CutOffAsync(progress, random, both: true, outgoing: false)),
        ("the leader hears nothing", async (progress, random) => await CutOffAsync(progress, random, both: false, outgoing: false)),
        ("nobody hears the leader", async (progress, random) => await CutOffAsync(progress, random, both: false, outgoing: true)),
        ("a bridge: two that reach each other only over the third", BridgeAsync),
        ("the leader's cable is out", UnplugAsync),
        ("one packet in ten is lost", LoseAsync),
        ("slow links", SlowAsync),
        ("a full disk", FullDiskAsync),
        ("the leader's disk stands still for five seconds", async (progress, _) => await StallAsync(await cluster.LeaderAsync(), progress)),
        ("a follower's disk stands still for five seconds", StallFollowerAsync),
        ("wall clocks jump", ClocksAsync),
        ("rolling restart", (_, _) => RestartAllAsync()),
        ("a wiped member is replaced", WipeAsync),
        ("the leadership is moved", MoveLeaderAsync),
    ];

    /// <summary>The duration of a fault: nothing is waited for, it just goes on.</summary>
    private static async Task LastAsync(TimeSpan time)
    {
        using var timer = new PeriodicTimer(time);
        await timer.WaitForNextTickAsync();
    }

    private static Task LastAsync(Random random) => LastAsync(TimeSpan.FromMilliseconds(random.Next(1_500, 3_500)));

    private static async Task KillAsync(ClusterMember member, LoadProgress progress)
    {
        await member.Server.KillAsync();
        await progress.MoreWritesAsync(SomeWrites);
        await member.Server.StartAsync();
    }

    private async Task KillAllAsync()
    {
        foreach (ClusterMember member in cluster.Members)
            member.Server.SendKill();
        foreach (ClusterMember member in cluster.Members)
            await member.Server.WaitForExitAsync();
        foreach (ClusterMember member in cluster.Members)
            member.Server.Launch();
        foreach (ClusterMember member in cluster.Members)
            await member.Server.WaitUntilReadyAsync();
    }

    private static async Task FreezeAsync(ClusterMember member, LoadProgress progress, Random random)
    {
        member.Server.Freeze();
        try
        {
            await progress.MoreWritesAsync(SomeWrites);
            await LastAsync(random);
        }
        finally
        {
            member.Server.Thaw();
        }
    }

    /// <summary>Clients still reach everybody: the leader that is alone must not answer them with what it has.</summary>
    private async Task CutOffAsync(LoadProgress progress, Random random, bool both, bool outgoing)
    {
        int leader = (await cluster.LeaderAsync()).Number;
        int[] others = [.. cluster.Members.Select(static member => member.Number).Where(number => number != leader)];
        if (both || outgoing)
            await cluster.Network.CutAsync([.. others.Select(other => (leader, other))]);
        if (both || !outgoing)
            await cluster.Network.CutAsync([.. others.Select(other => (other, leader))]);
        await progress.MoreWritesAsync(SomeWrites);
        await LastAsync(random);
        await cluster.Network.HealAsync();
    }

    private async Task BridgeAsync(LoadProgress progress, Random random)
    {
        int leader = (await cluster.LeaderAsync()).Number;
        int other = (await cluster.FollowerAsync(random)).Number;
        await cluster.Network.CutAsync((leader, other), (other, leader));
        await progress.MoreWritesAsync(SomeWrites);
        await LastAsync(random);
        await progress.MoreWritesAsync(SomeWrites);
        await cluster.Network.HealAsync();
    }

    private async Task UnplugAsync(LoadProgress progress, Random random)
    {
        ClusterMember leader = await cluster.LeaderAsync();
        await cluster.Network.PlugAsync(leader.Number, isIn: false);
        await progress.MoreWritesAsync(SomeWrites);
        await LastAsync(random);
        await cluster.Network.PlugAsync(leader.Number, isIn: true);
    }

    private async Task LoseAsync(LoadProgress progress, Random random)
    {
        await cluster.Network.LoseAsync([.. cluster.Members.Select(static member => member.Number)]);
        await LastAsync(random);
        await progress.MoreWritesAsync(SomeWrites);
        await cluster.Network.HealAsync();
    }

    private async Task SlowAsync(LoadProgress progress, Random random)
    {
        foreach (ClusterMember member in cluster.Members)
            await cluster.Network.SlowAsync(member.Number);
        await LastAsync(random);
        await progress.MoreWritesAsync(SomeWrites);
        foreach (ClusterMember member in cluster.Members)
            await cluster.Network.UnslowAsync(member.Number);
    }

    /// <summary>Writes may be refused for all until somebody has made room and said so; none may be lost.</summary>
    private async Task FullDiskAsync(LoadProgress progress, Random random)
    {
        ClusterMember member = cluster.Members[random.Next(cluster.Members.Count)];
        member.Disk!.Fill();
        await LastAsync(random);
        member.Disk.Free();
        if (!member.Server.IsRunning)
            await member.Server.StartAsync();
        await Deadline.UntilAsync(DisarmedAsync, TimeSpan.FromSeconds(60));
        await progress.MoreWritesAsync(1);

        async Task<bool> DisarmedAsync()
        {
            AlarmResponse alarms = await cluster.AskAnyAsync(client => AlarmAsync(client, new AlarmRequest()));
            foreach (AlarmMember alarm in alarms.Alarms)
                await cluster.AskAnyAsync(client => AlarmAsync(client, new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = alarm.MemberID, Alarm = alarm.Alarm }));
            // The member looks at its disk once a second; until it has seen that there is room it raises the alarm anew.
            return await TakesWritesAsync(member) && (await cluster.AskAnyAsync(client => AlarmAsync(client, new AlarmRequest()))).Alarms.Count == 0;
        }
    }

    private static async Task<bool> TakesWritesAsync(ClusterMember member)
    {
        using var client = new EtcdClient(member.Server.ClientUrl);
        try
        {
            return (await client.PutAsync("room", "")).Status == GrpcStatus.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static Task<GrpcReply<AlarmResponse>> AlarmAsync(EtcdClient client, AlarmRequest request) =>
        client.Grpc.CallAsync<AlarmResponse>("/etcdserverpb.Maintenance/Alarm", request);

    private static async Task StallAsync(ClusterMember member, LoadProgress progress)
    {
        await member.Disk!.FreezeAsync();
        try
        {
            await LastAsync(TimeSpan.FromSeconds(5));
            // The disk still does not answer: a leader has handed over, a follower is not needed.
            await progress.MoreWritesAsync(SomeWrites);
        }
        finally
        {
            await member.Disk.ThawAsync();
        }
    }

    /// <summary>Clients of the others should not notice: they are told to stay away, and the line of the phase says what they saw.</summary>
    private async Task StallFollowerAsync(LoadProgress progress, Random random)
    {
        ClusterMember follower = await cluster.FollowerAsync(random);
        endpoints.Set(cluster.Members.Where(member => member != follower).Select(static member => member.Server.ClientUrl));
        // Each client has changed its member once more before the disk stops.
        await progress.MoreWritesAsync(500);
        await StallAsync(follower, progress);
        endpoints.Set(cluster.Members.Select(static member => member.Server.ClientUrl));
    }

    private async Task ClocksAsync(LoadProgress progress, Random random)
    {
        TimeSpan[] jumps = [TimeSpan.FromHours(2), TimeSpan.FromHours(-3), TimeSpan.FromDays(400), TimeSpan.Zero];
        foreach (TimeSpan jump in jumps)
        {
            clocks.Set(random.Next(cluster.Members.Count), jump);
            await progress.MoreWritesAsync(SomeWrites);
        }

        for (int member = 0; member < cluster.Members.Count; member++)
            clocks.Set(member, TimeSpan.Zero);
    }

    private async Task RestartAllAsync()
    {
        foreach (ClusterMember member in cluster.Members)
        {
            int code = await member.Server.TerminateAsync();
            // The real one dies of the signal after it has stopped in peace.
            if (code != 0 && member.Server.Target.IsEtcdNet)
                throw new InvalidOperationException($"{member} ended with {code} after SIGTERM");
            await member.Server.StartAsync();
            await cluster.HealthyAsync();
        }
    }

    /// <summary>A member without its data must not come back as itself: it is removed, and joins as a new one.</summary>
    private async Task WipeAsync(LoadProgress progress, Random random)
    {
        ClusterMember member = await cluster.FollowerAsync(random);
        ulong id = (await member.StatusAsync())!.Header.MemberId;
        await member.Server.KillAsync();
        await Members.RemoveAsync(cluster, id);
        await Members.AddAsync(cluster, member.Server.PeerUrl, isLearner: false);
        await cluster.RejoinAsync(member);
        await progress.MoreWritesAsync(SomeWrites);
        await member.Server.StartAsync();
    }

    private async Task MoveLeaderAsync(LoadProgress progress, Random random)
    {
        for (int round = 0; round < 3; round++)
        {
            ClusterMember target = await cluster.FollowerAsync(random);
            ulong id = (await target.StatusAsync())!.Header.MemberId;
            await Deadline.UntilAsync(() => MovedAsync(target, id), TimeSpan.FromSeconds(60));
            await progress.MoreWritesAsync(SomeWrites);
        }

        async Task<bool> MovedAsync(ClusterMember target, ulong id)
        {
            using var client = new EtcdClient((await cluster.LeaderAsync()).Server.ClientUrl);
            try
            {
                var reply = await client.Grpc.CallAsync<MoveLeaderResponse>("/etcdserverpb.Maintenance/MoveLeader", new MoveLeaderRequest { TargetID = id });
                return reply.Status == GrpcStatus.OK || await cluster.FindLeaderAsync() == target;
            }
            catch (Exception error) when (CallFailure.IsBroken(error))
            {
                return false;
            }
        }
    }
}
