using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Tests.Cluster;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Storage;

namespace EtcdNet.Server.Tests.Corruption;

/// <summary>Whole members, one of which seems to keep something else than the others.</summary>
public sealed class CorruptClusterTests
{
    private static readonly TimeSpan s_often = TimeSpan.FromMilliseconds(100);

    [Fact]
    public async Task Nothing_is_written_any_more_when_a_member_differs()
    {
        await using var world = new ClusterWorld(3) { Adjust = static options => options with { CorruptCheckInterval = s_often } };
        await world.StartAllAsync();
        await ClusterWorld.PutAsync(world[1], "a", "1");
        world.Network.Liar = world.Running.First(static member => !member.Status.Current.IsLeader).Peers.MemberId;
        await world.UntilAsync(() => world.Running.All(member => AlarmOf(member) == world.Network.Liar), "the alarm on all members");
        var refused = await Assert.ThrowsAsync<EtcdException>(() => ClusterWorld.PutOnceAsync(world[1], "a", "2"));
        Assert.Equal(EtcdError.Corrupt.Message, refused.Message);
        Assert.Equal("1", await ClusterWorld.GetAsync(world[1], "a"));
    }

    [Fact]
    public async Task So_it_is_when_the_hashes_of_a_compaction_differ()
    {
        await using var world = new ClusterWorld(3) { Adjust = static options => options with { CompactHashCheckInterval = s_often } };
        await world.StartAllAsync();
        await ClusterWorld.PutAsync(world[1], "a", "1");
        await ClusterWorld.PutAsync(world[1], "a", "2");
        world.Network.Liar = world.Running.First(static member => !member.Status.Current.IsLeader).Peers.MemberId;
        await ClusterWorld.RetryAsync(async () => await world[1].Services.Kv.CompactAsync(new CompactionRequest { Revision = 2 }, new Services.CallContext()));
        await world.UntilAsync(() => world.Running.All(member => AlarmOf(member) == world.Network.Liar), "the alarm on all members");
    }

    [Fact]
    public async Task A_member_does_not_start_against_the_others()
    {
        await using var world = new ClusterWorld(3);
        await world.StartAllAsync();
        await ClusterWorld.PutAsync(world[1], "a", "1");
        await world.StopAsync(3);
        world.Adjust = static options => options with { InitialCorruptCheck = true };
        world.Network.Liar = ClusterWorld.IdOf(1);
        Assert.Contains($"member {ClusterWorld.IdOf(1):x} has", (await Assert.ThrowsAsync<DataDirectoryException>(() => world.StartAsync(3))).Message, StringComparison.Ordinal);
        await world.StopAsync(3);
        world.Network.Liar = 0;
        await world.StartAsync(3);
        Assert.Equal("1", await ClusterWorld.GetAsync(world[3], "a"));
    }

    private static ulong AlarmOf(RunningMember member) => member.Machine.Alarms.Get(AlarmType.Corrupt).SingleOrDefault()?.MemberID ?? 0;
}
