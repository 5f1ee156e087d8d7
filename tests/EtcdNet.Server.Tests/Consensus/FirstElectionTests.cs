using System.Collections.Concurrent;
using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Corruption;
using EtcdNet.Server.Membership;
using EtcdNet.Storage.WriteAhead;
using EtcdNet.Testing;
using Serilog.Core;

namespace EtcdNet.Server.Tests.Consensus;

/// <summary>The first election after a start is shortened when it can be won, and only then.</summary>
public sealed class FirstElectionTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly Connections _connections = new();
    private readonly ConsensusState _state = new(1, 7);
    private int _advanced;

    [Theory]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(5, 2)]
    [InlineData(7, 3)]
    public async Task Time_passes_when_enough_others_are_connected(int members, int needed)
    {
        Task run = Run(members);
        for (ulong id = 2; id < 2 + (ulong)needed; id++)
        {
            await PassAsync(run);
            Assert.Equal(0, _advanced);
            Assert.False(run.IsCompleted);
            _connections.Connected[id] = true;
        }

        await PassAsync(run);
        await run.WaitAsync(Deadline.Limit);
        Assert.Equal(8, _advanced);
    }

    [Fact]
    public async Task A_member_that_is_alone_or_hears_a_leader_or_waits_too_long_is_left_alone()
    {
        foreach (int members in new[] { 1, 3 })
        {
            Task waiting = Run(members);
            for (int i = 0; i < 100; i++)
                await PassAsync(waiting);
            await waiting.WaitAsync(Deadline.Limit);
        }

        Task led = Run(3);
        await PassAsync(led);
        Assert.False(led.IsCompleted);
        _state.PublishLeadership(2, 3, 1);
        _connections.Connected[2] = _connections.Connected[3] = true;
        await PassAsync(led);
        await led.WaitAsync(Deadline.Limit);
        Assert.Equal(0, _advanced);
    }

    [Fact]
    public void Two_ticks_are_left_for_a_leader_to_be_heard()
    {
        RaftNode node = Node();
        FirstElection.Advance(node, 8);
        node.Tick();
        Assert.False(Campaigns(node));
        node.Tick();
        Assert.True(Campaigns(node));

        // Advanced twice it still campaigns once only, and not at all once a leader has spoken.
        RaftNode hasty = Node();
        FirstElection.Advance(hasty, 100);
        Assert.True(Campaigns(hasty));
        RaftNode led = Node();
        led.Step(new Message { Type = MessageType.Heartbeat, From = 2, To = 1, Term = 5 });
        FirstElection.Advance(led, 100);
        Assert.False(Campaigns(led));
        Assert.Equal(2UL, led.Leader);
    }

    /// <summary>One interval passes, once the member waits for it; and what follows is done.</summary>
    private async Task PassAsync(Task run)
    {
        await Deadline.UntilAsync(() => _time.ActiveTimers == 1 || run.IsCompleted, "a timer");
        _time.Advance(TimeSpan.FromMilliseconds(50));
        await Deadline.UntilAsync(() => _time.ActiveTimers == 1 || run.IsCompleted, "the next timer");
    }

    private Task Run(int members)
    {
        _state.PublishConfiguration(new ConfState { Voters = [.. Enumerable.Range(1, members).Select(id => (ulong)id)] });
        return new FirstElection(_state, () => _connections, ticks => _advanced += ticks, 10, _time, Logger.None).RunAsync(CancellationToken.None);
    }

    private static RaftNode Node()
    {
        var log = new EntryLog(new HardState(1, 0, 0), new ConfState { Voters = [1, 2, 3] }, default, []);
        return new RaftNode(new RaftOptions { Id = 1, ElectionTick = 10, AsyncStorageWrites = true, PreVote = true, CheckQuorum = true, Random = new Least() }, log);
    }

    private static bool Campaigns(RaftNode node) => node.Role != RaftRole.Follower;

    /// <summary>Election timeouts are as short as they can be.</summary>
    private sealed class Least : Random
    {
        public override int Next(int maxValue) => 0;

        public override int Next(int minValue, int maxValue) => minValue;
    }

    private sealed class Connections : IPeerConnections
    {
        public ConcurrentDictionary<ulong, bool> Connected { get; } = new();

        public DateTimeOffset? ActiveSince(ulong member) => Connected.ContainsKey(member) ? DateTimeOffset.UnixEpoch : null;

        public ValueTask<string?> AskServerVersionAsync(ulong member, CancellationToken cancellation) => new((string?)null);

        public ValueTask<MemberHash?> AskHashAsync(ulong member, long revision, CancellationToken cancellation) => new((MemberHash?)null);
    }
}
