using EtcdNet.Raft.Tests.Support;

namespace EtcdNet.Raft.Tests.Rules;

/// <summary>Raft paper §6; thesis chapter 4 and §3.10 (transfer).</summary>
public sealed class MembershipTests
{
    [Fact]
    public void A_new_voter_catches_up_and_counts()
    {
        var cluster = new Cluster(1);
        cluster.Elect(1);
        cluster.Propose(1, "a");
        cluster.Add(2);
        cluster.Change(1, "v2");
        cluster[1].Compact();
        cluster.Tick(1, 3);
        Assert.Equal([1ul, 2ul], cluster[2].Raft.Status.Config.Voters);

        cluster.Isolate(2);
        var commit = cluster[1].Raft.CommitIndex;
        cluster.Propose(1, "b");
        Assert.Equal(commit, cluster[1].Raft.CommitIndex);
        cluster.Heal();
        cluster.Tick(1);
        Assert.Equal(["b"], cluster[2].Applied);
    }

    [Fact]
    public void A_learner_gets_the_log_but_does_not_count()
    {
        var cluster = new Cluster(3, learners: [3]);
        cluster.Elect(1);
        cluster.Isolate(2);
        var commit = cluster[1].Raft.CommitIndex;
        cluster.Propose(1, "a");
        Assert.Equal(commit, cluster[1].Raft.CommitIndex);
        Assert.Equal(cluster[1].Raft.LastIndex, cluster[3].Raft.LastIndex);
        cluster.Heal();
        cluster.Tick(1);
        Assert.Equal(["a"], cluster[3].Applied);

        cluster.Change(1, "v3");
        Assert.Equal([1ul, 2ul, 3ul], cluster[3].Raft.Status.Config.Voters);
        cluster.Elect(3);
    }

    [Fact]
    public void Several_changes_go_through_a_joint_configuration_and_out_of_it()
    {
        var cluster = new Cluster(3);
        foreach (var id in new ulong[] { 4, 5 })
            cluster.Add(id);
        cluster.Elect(1);
        cluster.Change(1, "v4 v5 r2 r3");
        cluster[1].Compact();
        cluster.Tick(1, 3);
        var config = cluster[1].Raft.Status.Config;
        Assert.Equal([1ul, 4ul, 5ul], config.Voters);
        Assert.Empty(config.VotersOutgoing);
        cluster.Propose(1, "a");
        Assert.Equal(["a"], cluster[5].Applied);
    }

    [Fact]
    public void In_a_joint_configuration_both_majorities_are_needed()
    {
        var cluster = new Cluster(3);
        foreach (var id in new ulong[] { 4, 5 })
            cluster.Add(id);
        cluster.Elect(1);
        cluster.Change(1, "v4 v5 r2 r3", ConfChangeTransition.JointExplicit);
        cluster[1].Compact();
        cluster.Tick(1, 3);
        Assert.All(cluster.Members, m => Assert.Equal([1ul, 2ul, 3ul], m.Raft.Status.Config.VotersOutgoing));

        // 1, 4, 5 are all of the new majority, but only one of the old three.
        cluster.Isolate(2);
        cluster.Isolate(3);
        var commit = cluster[1].Raft.CommitIndex;
        cluster.Propose(1, "a");
        Assert.Equal(commit, cluster[1].Raft.CommitIndex);
        cluster[4].Raft.Campaign();
        cluster.Settle();
        Assert.NotEqual(RaftRole.Leader, cluster[4].Raft.Role);
    }

    [Fact]
    public void The_new_leader_leaves_the_joint_configuration_if_the_old_one_could_not()
    {
        var cluster = new Cluster(3);
        cluster.Add(4);
        cluster.Add(5);
        cluster.Elect(1);
        cluster.Change(1, "v4 v5", ConfChangeTransition.JointExplicit);
        cluster[1].Compact();
        cluster.Tick(1, 3);
        cluster.Elect(2);
        Assert.Equal(ProposeResult.Accepted, cluster[2].Raft.ProposeConfChange(new ConfChangeV2()));
        cluster.Settle();
        Assert.All(cluster.Members, m => Assert.Empty(m.Raft.Status.Config.VotersOutgoing));
    }

    [Fact]
    public void One_change_at_a_time()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Isolate(1);
        var raft = cluster[1].Raft;
        raft.ProposeConfChange(new ConfChange { Type = ConfChangeType.AddNode, NodeId = 4 });
        raft.ProposeConfChange(new ConfChange { Type = ConfChangeType.AddNode, NodeId = 5 });
        var entries = raft.Ready().Entries;
        Assert.Equal([EntryType.ConfChange, EntryType.Normal], entries.Select(e => e.Type));
    }

    [Theory]
    [InlineData("r1 r2 r3", ConfChangeTransition.Auto)]
    [InlineData("", ConfChangeTransition.Auto)]
    public void A_change_that_nobody_could_apply_never_gets_into_the_log(string changes, ConfChangeTransition transition)
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Change(1, changes, transition);
        Assert.Equal(EntryType.Normal, cluster[1].Storage.Entries(cluster[1].Raft.LastIndex, cluster[1].Raft.LastIndex + 1, 0)[0].Type);
        Assert.Equal([1ul, 2ul, 3ul], cluster[2].Raft.Status.Config.Voters);
    }

    [Fact]
    public void Bytes_that_are_no_change_never_get_into_the_log()
    {
        var cluster = new Cluster(1);
        cluster.Elect(1);
        Assert.Equal(ProposeResult.Accepted, cluster[1].Raft.ProposeConfChange(EntryType.ConfChange, new byte[] { 0xff }));
        cluster.Settle();
        Assert.Equal(cluster[1].Raft.LastIndex, cluster[1].Raft.AppliedIndex);
    }

    [Fact]
    public void A_refused_change_is_applied_with_member_0()
    {
        var cluster = new Cluster(3);
        var before = cluster[1].Raft.Status.Config;
        Assert.Equal(before, cluster[1].Raft.ApplyConfChange(new ConfChange { Type = ConfChangeType.RemoveNode, NodeId = 0 }));
    }

    [Theory]
    [InlineData(true, RaftRole.Follower)]
    [InlineData(false, RaftRole.Leader)]
    public void A_removed_leader_steps_down_if_asked_to(bool stepDown, RaftRole role)
    {
        var cluster = new Cluster(3, s => s with { StepDownOnRemoval = stepDown });
        cluster.Elect(1);
        cluster.Change(1, "r1");
        Assert.Equal(role, cluster[1].Raft.Role);
        if (!stepDown)
            Assert.Equal(ProposeResult.DroppedRemoved, cluster[1].Raft.Propose([new byte[1]]));
        cluster.Elect(2);
        cluster.Propose(2, "a");
        Assert.Equal(["a"], cluster[3].Applied);
    }

    [Fact]
    public void A_group_starts_from_configuration_changes_in_its_log()
    {
        // etcd's way to bootstrap: committed entries of term 1 that add every member.
        var storage = new MemoryStorage();
        storage.Append([.. Enumerable.Range(1, 3).Select(i =>
            new Entry(EntryType.ConfChange, 1, (ulong)i, ConfChangeCodec.Encode(new ConfChange { NodeId = (ulong)i })))]);
        storage.SetHardState(new HardState(1, 0, 3));
        var raft = new RaftNode(new RaftSettings().ToOptions(1), storage);
        foreach (var entry in raft.Ready().CommittedEntries)
            raft.ApplyConfChange(ConfChangeCodec.DecodeEntry(entry)!);
        raft.Advance();
        Assert.Equal([1ul, 2ul, 3ul], raft.Status.Config.Voters);
        raft.Campaign();
        Assert.Equal((RaftRole.Candidate, 2ul), (raft.Role, raft.Term));
    }

    [Fact]
    public void Leadership_moves_to_a_member_that_is_up_to_date()
    {
        var cluster = new Cluster(3, s => s with { CheckQuorum = true, PreVote = true });
        cluster.Elect(1);
        cluster[1].Raft.TransferLeader(2);
        cluster.Settle();
        Assert.Equal(2ul, cluster.Leader.Id);
        Assert.Equal(1, cluster.Delivered.Count(m => m.Type == MessageType.TimeoutNow));
    }

    [Fact]
    public void A_follower_forwards_the_wish_to_transfer()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster[3].Raft.TransferLeader(3);
        cluster.Settle();
        Assert.Equal(3ul, cluster.Leader.Id);
    }

    [Fact]
    public void A_lagging_successor_catches_up_first()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Isolate(2);
        cluster.Propose(1, "a", "b");
        cluster.Heal();
        cluster[1].Raft.TransferLeader(2);
        Assert.Equal(ProposeResult.DroppedTransfer, cluster[1].Raft.Propose([new byte[1]]));
        cluster.Settle();
        cluster.Tick(1);
        Assert.Equal(2ul, cluster.Leader.Id);
        Assert.Equal(["a", "b"], cluster[2].Applied);
    }

    [Fact]
    public void A_transfer_that_takes_too_long_is_given_up()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Isolate(2);
        cluster.Propose(1, "a");
        cluster[1].Raft.TransferLeader(2);
        Assert.Equal(2ul, cluster[1].Raft.LeadTransferee);
        cluster.Tick(1, 10);
        Assert.Equal(0ul, cluster[1].Raft.LeadTransferee);
        Assert.Equal(ProposeResult.Accepted, cluster[1].Raft.Propose([new byte[1]]));
    }

    [Fact]
    public void Leadership_does_not_move_to_learners_or_strangers()
    {
        var cluster = new Cluster(3, learners: [3]);
        cluster.Elect(1);
        foreach (var id in new ulong[] { 3, 9, 1 })
        {
            cluster[1].Raft.TransferLeader(id);
            cluster.Settle();
            Assert.Equal((1ul, 0ul), (cluster.Leader.Id, cluster[1].Raft.LeadTransferee));
        }
    }
}
