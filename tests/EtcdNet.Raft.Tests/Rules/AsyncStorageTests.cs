using EtcdNet.Raft.Tests.Support;

namespace EtcdNet.Raft.Tests.Rules;

/// <summary>What must be durable before it counts (Raft paper §5.1; thesis §3.8, §10.2.1).</summary>
public sealed class AsyncStorageTests
{
    [Fact]
    public void A_single_voter_commits_by_its_own_durable_append()
    {
        var node = new AsyncMember(1, [1]);
        node.Raft.Campaign();
        node.Collect();
        Assert.Equal(RaftRole.Candidate, node.Raft.Role);
        node.Settle();
        Assert.Equal(RaftRole.Leader, node.Raft.Role);

        Assert.Equal(ProposeResult.Accepted, node.Propose("a", "b"));
        node.Collect();
        Assert.Equal(2, Assert.Single(node.AppendWork).Entries.Count);
        var commit = node.Raft.CommitIndex;
        Assert.Empty(node.ApplyWork);

        node.FinishAppend();
        Assert.Equal(commit + 2, node.Raft.CommitIndex);
        node.Settle();
        Assert.Equal(["a", "b"], node.Applied);
        Assert.Equal(node.Raft.CommitIndex, node.Raft.AppliedIndex);
    }

    [Fact]
    public void A_vote_leaves_only_when_it_is_durable()
    {
        var node = new AsyncMember(1, [1, 2, 3]);
        node.Raft.Step(new Message { Type = MessageType.Vote, To = 1, From = 2, Term = 1, LogTerm = 1, Index = 1 });
        node.Collect();
        Assert.Empty(node.Sent);
        node.FinishAppend();
        Assert.Equal(MessageType.VoteResp, Assert.Single(node.Sent).Type);
        Assert.Equal(new HardState(1, 2, 1), node.Storage.InitialState().HardState);
    }

    [Fact]
    public void An_acknowledgement_leaves_only_when_the_entries_are_durable()
    {
        var node = new AsyncMember(1, [1, 2, 3]);
        node.Raft.Step(Append(2, 1, new EntryId(1, 1), new Entry(EntryType.Normal, 1, 2, default)));
        node.Collect();
        Assert.Empty(node.Sent);
        node.FinishAppend();
        Assert.Equal(2ul, Assert.Single(node.Sent).Index);
        Assert.Equal(2ul, node.Storage.LastIndex);
    }

    [Fact]
    public void A_candidate_does_not_lead_before_its_own_vote_is_durable()
    {
        // Else it could crash, forget the term, win it again by the same votes and write other entries at the same places.
        var node = new AsyncMember(1, [1, 2, 3]);
        node.Raft.Campaign();
        node.Collect();
        node.Raft.Step(new Message { Type = MessageType.VoteResp, To = 1, From = 2, Term = 1 });
        node.Raft.Step(new Message { Type = MessageType.VoteResp, To = 1, From = 3, Term = 1 });
        Assert.Equal(RaftRole.Candidate, node.Raft.Role);
        node.FinishAppend();
        Assert.Equal(RaftRole.Leader, node.Raft.Role);
        Assert.Equal(1ul, node.Storage.InitialState().HardState.Vote);
    }

    [Fact]
    public void A_confirmation_of_overwritten_entries_is_ignored()
    {
        var node = new AsyncMember(1, [1, 2, 3]);
        node.Raft.Step(Append(2, 1, new EntryId(1, 1), new Entry(EntryType.Normal, 1, 2, "old"u8.ToArray())));
        node.Collect();
        node.Raft.Step(Append(3, 2, new EntryId(1, 1), new Entry(EntryType.Normal, 2, 2, "new"u8.ToArray())));
        node.Collect();
        Assert.Equal(2, node.AppendWork.Count);

        node.FinishAppend();
        Assert.Equal(1, node.Raft.Log.Unstable.Count);
        node.FinishAppend();
        Assert.Equal(0, node.Raft.Log.Unstable.Count);
        Assert.Equal(2ul, node.Storage.Term(2));
    }

    [Fact]
    public void A_follower_applies_only_what_is_durable_here()
    {
        var node = new AsyncMember(1, [1, 2, 3]);
        node.Raft.Step(Append(2, 1, new EntryId(1, 1), new Entry(EntryType.Normal, 1, 2, "x"u8.ToArray()), commit: 2));
        node.Collect();
        Assert.Equal(2ul, node.Raft.CommitIndex);
        Assert.Empty(node.ApplyWork);
        node.FinishAppend();
        node.Collect();
        Assert.Single(node.ApplyWork);
    }

    [Fact]
    public void A_snapshot_waits_for_entries_that_are_being_applied()
    {
        var node = new AsyncMember(1, [1, 2, 3]);
        var change = ConfChangeCodec.Encode(new ConfChange { Type = ConfChangeType.AddLearnerNode, NodeId = 4 });
        node.Raft.Step(Append(2, 1, new EntryId(1, 1), new Entry(EntryType.ConfChange, 1, 2, change), commit: 2));
        node.Collect();
        node.FinishAppend();
        node.Collect();
        Assert.Single(node.ApplyWork);

        var state = new ConfState { Voters = [1, 2, 3], Learners = [4, 5] };
        node.Raft.Step(new Message { Type = MessageType.Snap, To = 1, From = 2, Term = 1, Snapshot = new Snapshot(new SnapshotMetadata(state, 9, 1), default) });
        Assert.Equal(2ul, node.Raft.CommitIndex);
        node.FinishApply();
        node.Settle();
        Assert.Equal(9ul, node.Raft.AppliedIndex);
        Assert.Equal(state, node.Raft.Status.Config);
    }

    [Fact]
    public void Writes_pipeline_without_waiting_for_each_other()
    {
        var node = new AsyncMember(1, [1]);
        node.Raft.Campaign();
        node.Settle();
        for (var i = 0; i < 5; i++)
        {
            node.Propose($"{i}");
            node.Collect();
        }

        Assert.Equal(5, node.AppendWork.Count);
        node.Settle();
        Assert.Equal(["0", "1", "2", "3", "4"], node.Applied);
    }

    [Fact]
    public void Lists_handed_out_never_change()
    {
        var node = new AsyncMember(1, [1]);
        node.Raft.Campaign();
        node.Settle();
        node.Propose("a");
        node.Collect();
        node.FinishAppend();

        // This Ready moves the commit index only: its write has no answers, and must not get those of the next proposal.
        node.Collect();
        var commitOnly = Assert.Single(node.AppendWork);
        node.Propose("b");
        Assert.Empty(commitOnly.Responses);
    }

    [Fact]
    public void Advance_belongs_to_sync_mode() =>
        Assert.Throws<RaftInvariantException>(() => new AsyncMember(1, [1]).Raft.Advance());

    private static Message Append(ulong from, ulong term, EntryId previous, Entry entry, ulong commit = 0) => new()
    {
        Type = MessageType.App, To = 1, From = from, Term = term, LogTerm = previous.Term, Index = previous.Index, Entries = [entry], Commit = commit,
    };
}
