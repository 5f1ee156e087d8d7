using EtcdNet.Raft.Tests.Support;
using EtcdNet.Raft.Tracking;

namespace EtcdNet.Raft.Tests.Rules;

/// <summary>Raft paper §7.</summary>
public sealed class SnapshotTests
{
    private static Cluster WithLaggingMember()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Isolate(3);
        cluster.Propose(1, "a", "b", "c");
        cluster[1].Compact();
        cluster.Heal();
        return cluster;
    }

    [Fact]
    public void A_member_whose_entries_are_gone_gets_a_snapshot_and_then_entries()
    {
        var cluster = WithLaggingMember();
        cluster.Tick(1, 2);
        Assert.Equal(cluster[1].Raft.CommitIndex, cluster[3].Raft.AppliedIndex);
        cluster.Propose(1, "d");
        Assert.Equal(["d"], cluster[3].Applied);
        Assert.Equal(ProgressState.Replicate, cluster[1].Raft.Status.Progress[2].State);
    }

    [Fact]
    public void A_snapshot_that_is_being_made_is_asked_for_again()
    {
        var cluster = WithLaggingMember();
        cluster[1].Storage.IsSnapshotUnavailable = true;
        cluster.Tick(1, 2);
        Assert.Equal(ProgressState.Probe, cluster[1].Raft.Status.Progress[2].State);
        cluster[1].Storage.IsSnapshotUnavailable = false;
        cluster.Tick(1, 2);
        Assert.Equal(cluster[1].Raft.CommitIndex, cluster[3].Raft.AppliedIndex);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_reported_snapshot_lets_replication_go_on(bool ok)
    {
        var cluster = WithLaggingMember();
        cluster[1].Raft.Tick();
        var raft = cluster[1].Raft;
        raft.Step(new Message { Type = MessageType.HeartbeatResp, To = 1, From = 3, Term = 1 });
        raft.Step(new Message { Type = MessageType.AppResp, To = 1, From = 3, Term = 1, Reject = true, Index = raft.Status.Progress[2].Next - 1, RejectHint = 2, LogTerm = 1 });
        Assert.Equal(ProgressState.Snapshot, raft.Status.Progress[2].State);
        var pending = raft.Status.Progress[2].PendingSnapshot;
        raft.ReportSnapshot(3, ok);
        var progress = raft.Status.Progress[2];
        Assert.Equal((ProgressState.Probe, true), (progress.State, progress.IsPaused));
        Assert.Equal(ok ? pending + 1 : progress.Match + 1, progress.Next);
        cluster.Tick(1, 3);
        Assert.Equal(raft.CommitIndex, cluster[3].Raft.AppliedIndex);
    }

    [Fact]
    public void An_old_snapshot_is_answered_but_changes_nothing()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        var old = new Snapshot(new SnapshotMetadata(new ConfState { Voters = [1, 2, 3] }, 1, 1), default);
        cluster[2].Raft.Step(new Message { Type = MessageType.Snap, To = 2, From = 1, Term = 1, Snapshot = old });
        var ready = cluster[2].Raft.Ready();
        Assert.Null(ready.Snapshot);
        Assert.Equal(cluster[2].Raft.CommitIndex, ready.Messages[0].Index);
    }

    [Fact]
    public void A_snapshot_of_entries_that_are_there_only_moves_the_commit_index()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster[2].Raft.Step(Append(cluster[2].Raft.LastIndex, 3));
        cluster[2].Work();
        var last = cluster[2].Raft.LastIndex;
        var snapshot = new Snapshot(new SnapshotMetadata(new ConfState { Voters = [1, 2, 3] }, last, 1), default);
        cluster[2].Raft.Step(new Message { Type = MessageType.Snap, To = 2, From = 1, Term = 1, Snapshot = snapshot });
        Assert.Null(cluster[2].Raft.Ready().Snapshot);
        Assert.Equal(last, cluster[2].Raft.CommitIndex);
    }

    [Fact]
    public void A_snapshot_for_others_is_refused()
    {
        var cluster = new Cluster(3);
        var snapshot = new Snapshot(new SnapshotMetadata(new ConfState { Voters = [7, 8] }, 50, 1), default);
        cluster[2].Raft.Step(new Message { Type = MessageType.Snap, To = 2, From = 1, Term = 1, Snapshot = snapshot });
        Assert.Null(cluster[2].Raft.Ready().Snapshot);
        Assert.Equal([1ul, 2ul, 3ul], cluster[2].Raft.Status.Config.Voters);
    }

    [Fact]
    public void A_restart_from_a_snapshot_keeps_configuration_and_commit_index()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Change(1, "l3");
        cluster[1].Compact();
        var restarted = new RaftNode(new RaftSettings().ToOptions(1, cluster[1].Raft.AppliedIndex), cluster[1].Storage);
        Assert.Equal(cluster[1].Raft.Status.Config, restarted.Status.Config);
        Assert.Equal(cluster[1].Raft.CommitIndex, restarted.CommitIndex);
    }

    [Fact]
    public void An_applied_index_ahead_of_the_stored_commit_index_is_believed()
    {
        var cluster = new Cluster(1);
        cluster.Elect(1);
        cluster.Propose(1, "a", "b");
        var applied = cluster[1].Raft.AppliedIndex;
        cluster[1].Storage.SetHardState(new HardState(1, 1, 1));
        var restarted = new RaftNode(new RaftSettings().ToOptions(1, applied), cluster[1].Storage);
        Assert.Equal(applied, restarted.CommitIndex);
        Assert.Throws<RaftInvariantException>(() => new RaftNode(new RaftSettings().ToOptions(1, applied + 1), cluster[1].Storage));
    }

    private static Message Append(ulong previous, int count) => new()
    {
        Type = MessageType.App, To = 2, From = 1, Term = 1, LogTerm = 1, Index = previous,
        Entries = [.. Enumerable.Range(1, count).Select(i => new Entry(EntryType.Normal, 1, previous + (ulong)i, default))],
    };
}
