using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Testing;

namespace EtcdNet.Server.Tests.Consensus;

public sealed class ReadIndexGateTests
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(7);

    private readonly ManualTimeProvider _time = new();
    private readonly ConsensusState _state = new(memberId: 1, clusterId: 9);
    private readonly List<ulong> _rounds = [];
    private readonly ReadIndexGate _gate;

    public ReadIndexGateTests()
    {
        _gate = new ReadIndexGate(lastRound: 0, _state, round => { _rounds.Add(round); return true; }, RequestTimeout, _time);
    }

    [Fact]
    public void Reads_that_come_during_a_round_share_the_next_one()
    {
        Task first = _gate.WaitAsync(default).AsTask();
        Task second = _gate.WaitAsync(default).AsTask();
        Task third = _gate.WaitAsync(default).AsTask();
        Assert.Equal([1UL], _rounds);

        _gate.Confirmed(1, index: 0);
        Assert.True(first.Wait(TimeSpan.FromSeconds(30)));
        Assert.Equal([1UL, 2UL], _rounds);
        Assert.False(second.IsCompleted);

        _gate.Confirmed(2, index: 0);
        Assert.True(Task.WaitAll([second, third], TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void A_confirmed_read_waits_until_its_index_is_applied()
    {
        Task read = _gate.WaitAsync(default).AsTask();
        _gate.Confirmed(1, index: 5);
        _state.PublishApplied(4, 1);
        _gate.Applied();
        Assert.False(read.IsCompleted);
        _state.PublishApplied(5, 1);
        _gate.Applied();
        Assert.True(read.Wait(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void A_member_that_leads_alone_asks_nobody_once_its_own_term_is_applied()
    {
        _state.PublishConfiguration(new ConfState { Voters = [1] });
        _state.PublishLeadership(term: 2, leader: 1, commit: 3);
        Assert.False(_gate.WaitAsync(default).AsTask().IsCompleted);
        _state.PublishApplied(4, term: 2);
        Assert.True(_gate.WaitAsync(default).AsTask().IsCompletedSuccessfully);

        _state.PublishConfiguration(new ConfState { Voters = [1, 2] });
        Assert.False(_gate.WaitAsync(default).AsTask().IsCompleted);
    }

    [Fact]
    public async Task Time_and_leader_changes_end_a_round_with_etcds_errors()
    {
        Task lost = _gate.WaitAsync(default).AsTask();
        _gate.LeaderChanged();
        Assert.Equal(EtcdError.LeaderChanged.Message, (await Assert.ThrowsAsync<EtcdException>(() => lost)).Message);

        Task slow = _gate.WaitAsync(default).AsTask();
        _time.Advance(TimeSpan.FromMilliseconds(600));
        _gate.Tick();
        Assert.Equal([1UL, 2UL, 2UL], _rounds);
        _time.Advance(RequestTimeout);
        _gate.Tick();
        Assert.Equal(EtcdError.Timeout.Message, (await Assert.ThrowsAsync<EtcdException>(() => slow)).Message);

        Task unapplied = _gate.WaitAsync(default).AsTask();
        _gate.Confirmed(3, index: 100);
        _time.Advance(RequestTimeout);
        _gate.Tick();
        Assert.Equal(EtcdError.TimeoutWaitAppliedIndex.Message, (await Assert.ThrowsAsync<EtcdException>(() => unapplied)).Message);
        Assert.Equal(2, _gate.Failed);
        Assert.Equal(1, _gate.Slow);
    }

    [Fact]
    public async Task A_closed_gate_lets_nobody_wait()
    {
        Task before = _gate.WaitAsync(default).AsTask();
        _gate.Close(EtcdError.Stopped.ToException());
        await Assert.ThrowsAsync<EtcdException>(() => before);
        await Assert.ThrowsAsync<EtcdException>(() => _gate.WaitAsync(default).AsTask());
    }
}
