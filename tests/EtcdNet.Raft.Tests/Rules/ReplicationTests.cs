using EtcdNet.Raft.Tests.Support;
using EtcdNet.Raft.Tracking;

namespace EtcdNet.Raft.Tests.Rules;

/// <summary>Raft paper §5.3 and §5.4.2; thesis §10.2.1 (pipelining and its limits).</summary>
public sealed class ReplicationTests
{
    [Fact]
    public void What_a_quorum_holds_is_applied_by_all_in_order()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Propose(1, "a", "b");
        cluster.Propose(2, "c");
        Assert.All(cluster.Members, m => Assert.Equal(["a", "b", "c"], m.Applied));
    }

    [Fact]
    public void A_batch_travels_as_one_message()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Delivered.Clear();
        cluster.Propose(1, [.. Enumerable.Range(0, 100).Select(i => $"{i}")]);
        Assert.Equal(2, cluster.Delivered.Count(m => m.Type == MessageType.App && m.Entries.Count == 100));
        Assert.Equal(2, cluster.Delivered.Count(m => m.Type == MessageType.App && m.Entries.Count > 0));
    }

    [Fact]
    public void Without_a_quorum_nothing_commits()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Isolate(1);
        var commit = cluster[1].Raft.CommitIndex;
        cluster.Propose(1, "lost");
        Assert.Equal(commit, cluster[1].Raft.CommitIndex);

        cluster.Elect(2);
        cluster.Propose(2, "kept");
        cluster.Heal();
        cluster.Tick(2);
        Assert.All(cluster.Members, m => Assert.Equal(["kept"], m.Applied));
    }

    [Fact]
    public void Entries_of_earlier_terms_commit_only_with_one_of_the_own_term()
    {
        // Figure 8: an entry of an old term on a majority may still be overwritten.
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Isolate(1);
        cluster.Propose(1, "old");
        var old = cluster[1].Raft.LastIndex;
        var raft = cluster[1].Raft;
        raft.Campaign();
        Assert.Equal(RaftRole.Leader, raft.Role);
        raft.Step(new Message { Type = MessageType.AppResp, To = 1, From = 2, Term = 5 });
        raft.Campaign();
        cluster.Settle();
        var term = raft.Term;
        raft.Step(new Message { Type = MessageType.VoteResp, To = 1, From = 2, Term = term });
        Assert.Equal(RaftRole.Leader, raft.Role);
        cluster.Settle();
        raft.Step(new Message { Type = MessageType.AppResp, To = 1, From = 2, Term = term, Index = old });
        Assert.True(raft.CommitIndex < old);
        raft.Step(new Message { Type = MessageType.AppResp, To = 1, From = 2, Term = term, Index = raft.LastIndex });
        Assert.Equal(raft.LastIndex, raft.CommitIndex);
    }

    [Fact]
    public void A_follower_with_another_tail_takes_over_the_leaders()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Isolate(1);
        for (var i = 0; i < 50; i++)
            cluster.Propose(1, $"wrong{i}");
        cluster.Elect(2);
        for (var i = 0; i < 50; i++)
            cluster.Propose(2, $"right{i}");
        cluster.Elect(3);
        cluster.Heal();
        cluster.Delivered.Clear();
        cluster.Tick(3);
        Assert.Equal(50, cluster[1].Applied.Count);
        Assert.Equal(cluster[3].Applied, cluster[1].Applied);

        // One rejection per term of the wrong tail, not one per entry.
        Assert.InRange(cluster.Delivered.Count(m => m is { Type: MessageType.AppResp, Reject: true }), 1, 2);
    }

    [Fact]
    public void An_old_append_does_not_shorten_the_log()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Propose(1, "a", "b");
        var appends = cluster.Delivered.Where(m => m is { Type: MessageType.App, To: 2 }).ToList();
        var last = cluster[2].Raft.LastIndex;
        foreach (var message in Enumerable.Reverse(appends))
            cluster[2].Raft.Step(message);
        Assert.Equal(last, cluster[2].Raft.LastIndex);
        cluster.Settle();
        Assert.Equal(["a", "b"], cluster[2].Applied);
    }

    [Fact]
    public void Messages_are_cut_at_the_size_limit()
    {
        var cluster = new Cluster(2, s => s with { MaxSizePerMessage = 300, MaxInflight = 100 });
        cluster.Elect(1);
        cluster.Isolate(2);
        cluster.Propose(1, [.. Enumerable.Repeat(new string('x', 100), 20)]);
        cluster.Heal();
        cluster.Tick(1);
        Assert.All(cluster.Delivered.Where(m => m.Type == MessageType.App), m => Assert.InRange(m.Entries.Count, 0, 2));
        Assert.Equal(20, cluster[2].Applied.Count);
    }

    [Theory]
    [InlineData(4, 0ul, 4)]
    [InlineData(100, 350ul, 4)]
    public void No_more_is_on_its_way_than_the_window_allows(int messages, ulong bytes, int expected)
    {
        var cluster = new Cluster(2, s => s with { MaxInflight = messages, MaxInflightBytes = bytes, MaxSizePerMessage = 200 });
        cluster.Elect(1);
        cluster.Isolate(2);
        var sent = 0;
        for (var i = 0; i < 50; i++)
        {
            cluster[1].Raft.Propose([new byte[100]]);
            sent += cluster[1].Work().Count(m => m is { Type: MessageType.App, Entries.Count: > 0 });
        }

        Assert.Equal(expected, sent);
        Assert.True(cluster[1].Raft.Status.Progress[1].IsInflightFull);
        cluster.Heal();
        cluster.Tick(1, 3);
        Assert.Equal(50, cluster[2].Applied.Count);
    }

    [Fact]
    public void The_uncommitted_tail_is_bounded()
    {
        var cluster = new Cluster(3, s => s with { MaxUncommitted = 250 });
        cluster.Elect(1);
        cluster.Isolate(1);
        var results = Enumerable.Range(0, 4).Select(_ => cluster[1].Raft.Propose([new byte[100]])).ToList();
        Assert.Equal([ProposeResult.Accepted, ProposeResult.Accepted, ProposeResult.DroppedTooMuchUncommitted, ProposeResult.DroppedTooMuchUncommitted], results);
        cluster.Heal();
        cluster.Tick(1);
        Assert.Equal(ProposeResult.Accepted, cluster[1].Raft.Propose([new byte[1000]]));
    }

    [Fact]
    public void Committed_entries_come_in_pieces_of_the_wanted_size()
    {
        var cluster = new Cluster(1, s => s with { MaxCommitted = 300 });
        cluster.Elect(1);
        var raft = cluster[1].Raft;
        raft.Propose([.. Enumerable.Repeat((ReadOnlyMemory<byte>)new byte[100], 10)]);
        var sizes = new List<int>();
        while (raft.HasReady)
        {
            var ready = raft.Ready();
            cluster[1].Storage.Append(ready.Entries);
            if (ready.CommittedEntries.Count > 0)
                sizes.Add(ready.CommittedEntries.Count);
            raft.Advance();
        }

        Assert.Equal([2, 2, 2, 2, 2], sizes);
    }

    [Fact]
    public void Unreachable_members_are_probed_again()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster[1].Raft.ReportUnreachable(2);
        Assert.Equal(ProgressState.Probe, cluster[1].Raft.Status.Progress[1].State);
        cluster.Tick(1);
        Assert.Equal(ProgressState.Replicate, cluster[1].Raft.Status.Progress[1].State);
    }

    [Fact]
    public void A_follower_without_leader_or_right_to_forward_drops_proposals()
    {
        var cluster = new Cluster(3, s => s with { DisableProposalForwarding = true });
        Assert.Equal(ProposeResult.DroppedNoLeader, cluster[2].Raft.Propose([new byte[1]]));
        cluster.Elect(1);
        Assert.Equal(ProposeResult.DroppedForwardingDisabled, cluster[2].Raft.Propose([new byte[1]]));
    }

    [Fact]
    public void A_commit_index_beyond_the_log_is_data_loss()
    {
        var member = new Cluster(3)[1];
        Assert.Throws<RaftInvariantException>(() =>
            member.Raft.Step(new Message { Type = MessageType.Heartbeat, To = 1, From = 2, Term = 1, Commit = 50 }));
    }

    [Fact]
    public void Overwriting_a_committed_entry_is_refused()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Propose(1, "a");
        var conflicting = new Entry(EntryType.Normal, 9, cluster[2].Raft.CommitIndex, default);
        Assert.Throws<RaftInvariantException>(() => cluster[2].Raft.Log.TryAppend(
            new EntryId(1, conflicting.Index - 1), EntrySlice.From([conflicting]), 0, out _));
    }

    [Fact]
    public void Two_leaders_in_a_term_stop_the_node()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        Assert.Throws<RaftInvariantException>(() =>
            cluster[1].Raft.Step(new Message { Type = MessageType.Heartbeat, To = 1, From = 2, Term = 1 }));
    }

    [Theory]
    [InlineData(MessageType.Hup, 2, 1, StepResult.LocalMessageRefused)]
    [InlineData(MessageType.StorageAppendResp, 2, 1, StepResult.LocalMessageRefused)]
    [InlineData(MessageType.AppResp, 77, 1, StepResult.PeerNotFound)]
    [InlineData(MessageType.Heartbeat, 0, 0, StepResult.Malformed)]
    [InlineData(MessageType.App, 2, 0, StepResult.Malformed)]
    [InlineData(MessageType.Heartbeat, 2, 1, StepResult.Handled)]
    public void Messages_that_make_no_sense_are_refused(MessageType type, ulong from, ulong term, StepResult expected) =>
        Assert.Equal(expected, new Cluster(3)[1].Raft.Step(new Message { Type = type, To = 1, From = from, Term = term }));
}
