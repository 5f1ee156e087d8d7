using EtcdNet.Raft;
using EtcdNet.Server.Snapshots;

namespace EtcdNet.Server.Tests.Consensus;

/// <summary>The one snapshot that may be on its way in.</summary>
public sealed class IncomingSnapshotsTests
{
    private static readonly SnapshotMetadata s_metadata = new(new ConfState { Voters = [1] }, Index: 5, Term: 2);
    private readonly IncomingSnapshots _snapshots = new();

    [Fact]
    public void Only_one_at_a_time()
    {
        Assert.True(_snapshots.TryBegin());
        Assert.False(_snapshots.TryBegin());
        _snapshots.Fail();
        Assert.True(_snapshots.TryBegin());
    }

    [Fact]
    public void What_raft_accepts_is_taken_and_installed_before_the_next_one_may_come()
    {
        var state = new State();
        Assert.True(_snapshots.TryBegin());
        _snapshots.Offer(state);
        _snapshots.Accept(s_metadata);
        _snapshots.Judged();
        Assert.False(_snapshots.TryBegin());
        Assert.Same(state, _snapshots.Take(s_metadata));
        Assert.False(_snapshots.TryBegin());
        _snapshots.Installed();
        Assert.True(_snapshots.TryBegin());
        Assert.False(state.IsAbandoned);
    }

    [Fact]
    public void What_raft_does_not_accept_is_given_up()
    {
        var state = new State();
        Assert.True(_snapshots.TryBegin());
        _snapshots.Offer(state);
        _snapshots.Judged();
        Assert.True(state.IsAbandoned);
        Assert.True(_snapshots.TryBegin());
    }

    [Fact]
    public void A_snapshot_without_its_state_stops_the_member()
    {
        Assert.Throws<InvalidOperationException>(() => _snapshots.Accept(s_metadata));
        Assert.True(_snapshots.TryBegin());
        _snapshots.Offer(new State());
        Assert.Throws<InvalidOperationException>(() => _snapshots.Accept(s_metadata with { Index = 6 }));
        Assert.Throws<InvalidOperationException>(() => _snapshots.Take(s_metadata));
    }

    private sealed class State : IReceivedState
    {
        public EntryId Id => new(2, 5);

        public ConfState Configuration => s_metadata.ConfState;

        public bool IsAbandoned { get; private set; }

        public void MakeDurable()
        {
        }

        public void Install()
        {
        }

        public void Abandon() => IsAbandoned = true;
    }
}
