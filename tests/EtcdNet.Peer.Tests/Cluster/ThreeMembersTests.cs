using System.Diagnostics;
using EtcdNet.Peer.Tests.Support;
using EtcdNet.Testing.Processes;
using Xunit.Abstractions;

namespace EtcdNet.Peer.Tests.Cluster;

/// <summary>Three members with everything but their client side, on loopback.</summary>
public sealed class ThreeMembersTests(ITestOutputHelper output)
{
    [Fact]
    public async Task They_replicate_survive_their_leader_and_take_it_back()
    {
        var ports = FreePorts.Take(3);
        var members = ports.Select(p => new ClusterMember(p, ports)).ToList();
        try
        {
            await Task.WhenAll(members.Select(m => m.StartAsync()));
            await PutAsync(members[0], "a", "1");
            await PutAsync(members[1], "b", "2");
            await PutAsync(members[2], "c", "3");
            foreach (var member in members)
                await AssertHoldsAsync(member, ("a", "1"), ("b", "2"), ("c", "3"));

            var leader = members.Single(m => m.Id == members[0].Leader);
            var others = members.Where(m => m != leader).ToList();
            var clock = Stopwatch.StartNew();
            var stopping = leader.StopAsync();
            await PutAsync(others[0], "d", "4");
            output.WriteLine($"first write after the leader's end: {clock.ElapsedMilliseconds} ms");
            await stopping;
            Assert.True(others.TrueForAll(m => m.Leader != 0));
            await AssertHoldsAsync(others[1], ("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"));

            await leader.StartAsync();
            await AssertHoldsAsync(leader, ("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"));
            await PutAsync(leader, "e", "5");
            foreach (var member in members)
                await AssertHoldsAsync(member, ("e", "5"));
        }
        finally
        {
            foreach (var member in members)
                await member.DisposeAsync();
        }
    }

    private static Task PutAsync(ClusterMember member, string key, string value)
    {
        // Short at first, so that a lost attempt costs little; longer then, for a machine that is busy.
        var limit = TimeSpan.FromMilliseconds(50);
        return Deadline.UntilAsync(() => member.TryPutAsync(key, value, limit *= 2), Wait.Limit, $"put {key}");
    }

    private static async Task AssertHoldsAsync(ClusterMember member, params (string Key, string Value)[] expected)
    {
        foreach (var (key, value) in expected)
        {
            string? found = null;
            await Deadline.UntilAsync(async () => (found = await member.TryGetAsync(key)) is not null, Wait.Limit, $"get {key}");
            Assert.Equal(value, found);
        }
    }
}
