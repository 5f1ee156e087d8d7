using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Membershippb;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Membership;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.Testing;
using Google.Protobuf;
using Serilog.Core;

namespace EtcdNet.Server.Tests.Membership;

/// <summary>Which version the leader proposes (surface section 5.6).</summary>
public sealed class ClusterVersionTests
{
    [Theory]
    [InlineData("", "3.6.14 3.6.1", "3.6.0")]
    [InlineData("", "3.6.14 3.5.30", "3.5.0")]
    [InlineData("", "3.6.14 ?", "3.0.0")] // somebody does not answer
    [InlineData("3.0.0", "3.6.14 ?", null)]
    [InlineData("3.0.0", "3.6.14 3.7.0-rc.1", "3.6.0")] // this one is 3.6
    [InlineData("3.5.0", "3.6.14 3.6.14", "3.6.0")]
    [InlineData("3.6.0", "3.6.14 3.6.14", null)]
    [InlineData("3.6.0", "3.6.14 3.5.30", null)] // never lower
    public async Task The_lowest_release_counts(string agreed, string releases, string? proposed)
    {
        var (monitor, proposer) = Monitor(agreed, releases);
        using (monitor)
            await monitor.DecideAsync(CancellationToken.None);
        Assert.Equal(proposed is null ? [] : [proposed], proposer.Versions);
    }

    [Theory]
    [InlineData("3.6.0", "3.6.14 3.6.14", "3.5.0")] // older ones may join at once
    [InlineData("3.5.0", "3.5.30 3.6.14", null)]
    [InlineData("3.5.0", "3.5.30 3.5.30", null)] // this one still runs 3.6
    public async Task A_downgrade_goes_to_its_target_at_once(string agreed, string releases, string? proposed)
    {
        var (monitor, proposer) = Monitor(agreed, releases, downgrade: "3.5.0");
        using (monitor)
            await monitor.DecideAsync(CancellationToken.None);
        Assert.Equal(proposed is null ? [] : [proposed], proposer.Versions);
    }

    [Fact]
    public async Task A_downgrade_is_over_when_all_run_its_target_unless_nobody_is_to_look()
    {
        var (monitor, proposer) = Monitor("3.6.0", "3.6.14 3.6.1", downgrade: "3.6.0");
        using (monitor)
        {
            await monitor.DecideAsync(CancellationToken.None);
            Assert.False(Assert.Single(proposer.Downgrades).Enabled);
        }

        (monitor, proposer) = Monitor("3.6.0", "3.6.14 3.6.1", downgrade: "3.6.0", TimeSpan.Zero);
        using (monitor)
            await monitor.DecideAsync(CancellationToken.None);
        Assert.Empty(proposer.Downgrades);
    }

    [Fact]
    public async Task Whether_a_downgrade_is_over_is_asked_no_more_often_than_wanted()
    {
        var (monitor, proposer) = Monitor("3.6.0", "3.6.14 3.5.30", downgrade: "3.6.0", TimeSpan.FromSeconds(30));
        using (monitor)
        {
            await monitor.DecideAsync(CancellationToken.None);
            _connections.Versions[3] = "3.6.14";
            await monitor.DecideAsync(CancellationToken.None);
            Assert.Empty(proposer.Downgrades);
            _time.Advance(TimeSpan.FromSeconds(30));
            await monitor.DecideAsync(CancellationToken.None);
            Assert.Single(proposer.Downgrades);
        }
    }

    [Theory]
    [InlineData("3.7.0", true)]
    [InlineData("4.0.0", true)]
    [InlineData("3.6.0", false)]
    [InlineData("", false)]
    public async Task A_release_that_is_too_old_for_its_cluster_stops(string agreed, bool stops)
    {
        var (monitor, _) = Monitor(agreed, "3.6.14");
        using var stop = new CancellationTokenSource();
        using (monitor)
        {
            Task running = monitor.RunAsync(stop.Token);
            monitor.Wake();
            if (stops)
                Assert.Contains(agreed, (await Assert.ThrowsAsync<InvalidOperationException>(() => running.WaitAsync(Deadline.Limit))).Message, StringComparison.Ordinal);
            else
                monitor.ThrowIfTooOld();
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => running.WaitAsync(Deadline.Limit));
        }
    }

    private readonly FakeConnections _connections = new();
    private readonly ManualTimeProvider _time = new();

    private (ClusterVersionMonitor Monitor, RecordingProposer Proposer) Monitor(string agreed, string releases, string? downgrade = null, TimeSpan? check = null)
    {
        string[] all = releases.Split(' ');
        for (int i = 0; i < all.Length; i++)
        {
            if (all[i] != "?")
                _connections.Versions[(ulong)i + 2] = all[i];
        }
        var members = new MemberStore();
        members.Restore(Enumerable.Range(1, all.Length + 1).Select(static id => new StateMachine.Cluster.Member { Id = (ulong)id }), []);
        members.SetClusterVersion(agreed);
        members.SetDowngrade(downgrade);
        var proposer = new RecordingProposer();
        return (new ClusterVersionMonitor(members, new FakeConsensus(), proposer, () => _connections, _time, Logger.None) { DowngradeInterval = check ?? TimeSpan.FromSeconds(5) }, proposer);
    }

    private sealed class RecordingProposer : IProposer
    {
        public List<string> Versions { get; } = [];

        public List<DowngradeInfoSetRequest> Downgrades { get; } = [];

        public ValueTask<IMessage> ProposeAsync(InternalRaftRequest request, CancellationToken cancellation)
        {
            if (request.DowngradeInfoSet is { } downgrade)
                Downgrades.Add(downgrade);
            else
                Versions.Add(request.ClusterVersionSet.Ver);
            return new(request);
        }
    }
}
