using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Server.Tests.Consensus;

/// <summary>Which entries are kept in memory.</summary>
public sealed class EntryTrimmerTests
{
    private readonly EntryLog _entries = new(default, new ConfState(), default, [.. Enumerable.Range(1, 100).Select(Entry)]);
    private readonly ConsensusState _state = new(1, 2);

    [Fact]
    public void A_tail_is_kept_for_followers_that_lag()
    {
        _state.PublishApplied(90, 1);
        _state.PublishReported(90);
        new EntryTrimmer(_entries, _state, catchUpEntries: 10, slack: 5).Trim();
        Assert.Equal(81UL, _entries.FirstIndex);
    }

    [Fact]
    public void Little_is_not_worth_it()
    {
        _state.PublishApplied(16, 1);
        _state.PublishReported(16);
        new EntryTrimmer(_entries, _state, catchUpEntries: 10, slack: 5).Trim();
        Assert.Equal(1UL, _entries.FirstIndex);
    }

    /// <summary>Raft looks for configuration changes from what it knows to be applied on; without those entries it would stop the member.</summary>
    [Fact]
    public void What_raft_does_not_know_to_be_applied_stays()
    {
        _state.PublishApplied(90, 1);
        _state.PublishReported(30);
        new EntryTrimmer(_entries, _state, catchUpEntries: 0, slack: 0).Trim();
        Assert.Equal(31UL, _entries.FirstIndex);
    }

    private static Entry Entry(int index) => new(EntryType.Normal, 1, (ulong)index, default);
}
