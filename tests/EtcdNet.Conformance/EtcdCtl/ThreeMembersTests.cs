using System.Text.Json;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>Commands that need several members: they speak to all of them, move the leader, and take a new one in.</summary>
public sealed class ThreeMembersTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task All_members_are_asked_and_the_leader_moves_and_a_learner_is_promoted()
    {
        await using var members = await ServerGroup.StartAsync(3);
        var first = new EtcdCtlTool(members[0], EtcdCtlPrograms.Newer);
        await first.RunAsync("put", "a", "1");
        var health = (await first.RunAsync("endpoint", "health", "--cluster", "-w", "json")).Trim();
        Assert.All(JsonDocument.Parse(health).RootElement.EnumerateArray(), e => Assert.True(e.GetProperty("health").GetBoolean(), health));
        await Deadline.UntilAsync(async () => (await HashesAsync(first)).Distinct().Count() == 1, TimeSpan.FromSeconds(10));
        Assert.Equal(3, (await first.RunAsync("defrag", "--cluster")).Split("Finished defragmenting etcd member[http://").Length - 1);

        await MoveLeaderAsync(members, first);
        await PromoteAsync(first);
    }

    private static async Task<List<uint>> HashesAsync(EtcdCtlTool etcdctl) =>
        [.. (await etcdctl.RunJsonAsync("endpoint", "hashkv", "--cluster")).EnumerateArray().Select(static e => e.GetProperty("HashKV").GetProperty("hash").GetUInt32())];

    private static async Task MoveLeaderAsync(ServerGroup members, EtcdCtlTool first)
    {
        var (leader, ids) = await LeaderAsync(first);
        var target = ids.First(i => i != leader);
        var follower = members[ids.IndexOf(target)];
        var refused = await new EtcdCtlTool(follower, first.Program).RunFailingAsync("move-leader", $"{target:x}");
        Assert.EndsWith($"Error: no leader endpoint given at [{follower.Endpoint}]\n", refused, StringComparison.Ordinal);
        var asked = new EtcdCtlTool(members[ids.IndexOf(leader)], first.Program);
        Assert.Equal($"Leadership transferred from {leader:x} to {target:x}\n", await asked.RunAsync("move-leader", $"{target:x}"));
        await Deadline.UntilAsync(async () => (await LeaderAsync(first)).Leader == target, TimeSpan.FromSeconds(10));
    }

    /// <summary>As a person does it: the new member is started with what "member add" prints.</summary>
    private static async Task PromoteAsync(EtcdCtlTool first)
    {
        var place = ServerPlace.OnLoopback("late");
        // A change is refused as long as the members' connections are younger than five seconds.
        var told = await first.RunUntilSuccessAsync(_patience, "member", "add", "late", "--learner", "--peer-urls", place.PeerUrl);
        // etcdctl fills an id that begins with zeros up with spaces.
        var id = told.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        var cluster = told.Split('\n').Single(static l => l.StartsWith("ETCD_INITIAL_CLUSTER=", StringComparison.Ordinal)).Split('"')[1];
        await using var late = ServerProcess.Create(ServerTarget.UnderTest, place with { InitialCluster = cluster }, null, "--initial-cluster-state", "existing");
        await late.StartAsync();
        Assert.Contains($"{id}, started, late, {place.PeerUrl}, http://{place.Endpoint}, true\n", await first.RunAsync("member", "list"), StringComparison.Ordinal);
        await first.RunUntilSuccessAsync(_patience, "member", "promote", id);
        Assert.Contains($"{id}, started, late, {place.PeerUrl}, http://{place.Endpoint}, false\n", await first.RunAsync("member", "list"), StringComparison.Ordinal);
        Assert.Equal("a\n1\n", await new EtcdCtlTool(late, first.Program).RunAsync("get", "a"));
        await first.RunUntilSuccessAsync(_patience, "member", "remove", id);
        await late.WaitForExitAsync();
        Assert.DoesNotContain("late", await first.RunAsync("member", "list"), StringComparison.Ordinal);
    }

    /// <summary>The leader, and the ids of the members in the order in which they were started.</summary>
    private static async Task<(ulong Leader, List<ulong> Ids)> LeaderAsync(EtcdCtlTool etcdctl)
    {
        var answers = (await etcdctl.RunJsonAsync("endpoint", "status", "--cluster")).EnumerateArray().ToList();
        var names = (await etcdctl.RunJsonAsync("member", "list")).GetProperty("members").EnumerateArray();
        var ids = names.OrderBy(static m => m.GetProperty("name").GetString(), StringComparer.Ordinal).Select(static m => m.GetProperty("ID").GetUInt64());
        return (answers[0].GetProperty("Status").GetProperty("leader").GetUInt64(), [.. ids]);
    }
}
