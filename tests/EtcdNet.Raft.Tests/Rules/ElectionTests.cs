using EtcdNet.Raft.Tests.Support;

namespace EtcdNet.Raft.Tests.Rules;

/// <summary>Raft paper §5.2 and §5.4.1; thesis §4.2.3 (lease), §6.2 (stepping down), §9.6 (pre-vote).</summary>
public sealed class ElectionTests
{
    private static Message Vote(ulong from, ulong term, EntryId last, MessageType type = MessageType.Vote) =>
        new() { Type = type, To = 1, From = from, Term = term, LogTerm = last.Term, Index = last.Index };

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    public void A_majority_elects_one_leader(int size)
    {
        var cluster = new Cluster(size);
        cluster.Elect(1);
        Assert.All(cluster.Members, m => Assert.Equal(1ul, m.Raft.Leader));
        Assert.All(cluster.Members, m => Assert.Equal(1ul, m.Raft.Term));
    }

    [Fact]
    public void A_minority_elects_nobody()
    {
        var cluster = new Cluster(5);
        foreach (var id in new ulong[] { 3, 4, 5 })
            cluster.Isolate(id);
        cluster[1].Raft.Campaign();
        cluster.Settle();
        Assert.Equal(RaftRole.Candidate, cluster[1].Raft.Role);
    }

    [Fact]
    public void A_voter_grants_one_vote_a_term_and_repeats_it()
    {
        var member = new Cluster(3)[1];
        member.Raft.Step(Vote(2, 1, new EntryId(1, 1)));
        Assert.False(Assert.Single(member.Work()).Reject);
        member.Raft.Step(Vote(3, 1, new EntryId(9, 9)));
        Assert.True(Assert.Single(member.Work()).Reject);
        member.Raft.Step(Vote(2, 1, new EntryId(1, 1)));
        Assert.False(Assert.Single(member.Work()).Reject);
        member.Raft.Step(Vote(3, 2, new EntryId(9, 9)));
        Assert.False(Assert.Single(member.Work()).Reject);
    }

    [Theory]
    [InlineData(2, 9, 2, 10, true)]
    [InlineData(2, 10, 2, 10, true)]
    [InlineData(2, 11, 2, 10, false)]
    [InlineData(3, 1, 2, 99, false)]
    [InlineData(2, 99, 3, 1, true)]
    public void Only_a_log_at_least_as_good_gets_the_vote(ulong ownTerm, ulong ownIndex, ulong term, ulong index, bool granted)
    {
        var storage = new MemoryStorage();
        storage.ApplySnapshot(new Snapshot(new SnapshotMetadata(new ConfState { Voters = [1, 2, 3] }, ownIndex, ownTerm), default));
        var raft = new RaftNode(new RaftSettings().ToOptions(1), storage);
        raft.Step(Vote(2, 9, new EntryId(term, index)));
        Assert.Equal(granted, !Assert.Single(raft.Ready().Messages).Reject);
    }

    [Fact]
    public void A_vote_survives_a_restart()
    {
        var member = new Cluster(3)[1];
        member.Raft.Step(Vote(2, 5, new EntryId(1, 1)));
        member.Work();
        var restarted = new RaftNode(new RaftSettings().ToOptions(1), member.Storage);
        Assert.Equal(5ul, restarted.Term);
        restarted.Step(Vote(3, 5, new EntryId(9, 9)));
        Assert.True(Assert.Single(restarted.Ready().Messages).Reject);
    }

    [Fact]
    public void A_higher_term_makes_a_leader_step_down()
    {
        var cluster = new Cluster(3);
        var leader = cluster.Elect(1);
        leader.Raft.Step(new Message { Type = MessageType.AppResp, To = 1, From = 2, Term = 9 });
        Assert.Equal((RaftRole.Follower, 9ul, 0ul), (leader.Raft.Role, leader.Raft.Term, leader.Raft.Leader));
    }

    [Fact]
    public void Timeouts_are_random_within_one_and_two_election_ticks()
    {
        var seen = new HashSet<int>();
        for (var seed = 0; seed < 100; seed++)
        {
            var member = new Cluster(3, s => s with { Seed = seed })[1];
            var ticks = 0;
            while (member.Raft.Role == RaftRole.Follower)
            {
                member.Raft.Tick();
                ticks++;
            }

            Assert.InRange(ticks, 10, 19);
            seen.Add(ticks);
        }

        Assert.True(seen.Count > 5, "timeouts are not spread");
    }

    [Fact]
    public void A_learner_never_campaigns()
    {
        var cluster = new Cluster(3, learners: [3]);
        cluster.Tick(3, 100);
        Assert.Equal((RaftRole.Follower, 0ul), (cluster[3].Raft.Role, cluster[3].Raft.Term));
    }

    [Fact]
    public void A_leader_without_a_quorum_steps_down()
    {
        var cluster = new Cluster(3, s => s with { CheckQuorum = true });
        cluster.Elect(1);
        cluster.Isolate(1);
        cluster.Tick(1, 20);
        Assert.Equal(RaftRole.Follower, cluster[1].Raft.Role);
        Assert.Equal(ProposeResult.DroppedNoLeader, cluster[1].Raft.Propose([new byte[1]]));
    }

    [Fact]
    public void Members_that_hear_their_leader_ignore_candidates()
    {
        var cluster = new Cluster(3, s => s with { CheckQuorum = true });
        cluster.Elect(1);
        cluster.Isolate(3);
        cluster.Tick(3, 40);
        Assert.True(cluster[3].Raft.Term > 1);
        cluster.Heal();
        cluster[3].Raft.Campaign();
        cluster.Settle();
        Assert.Equal((RaftRole.Leader, 1ul), (cluster[1].Raft.Role, cluster[1].Raft.Term));

        // The disturber cannot hear the old term; the answer to the next heartbeat makes the leader move beyond it.
        cluster.Tick(1);
        Assert.Equal(RaftRole.Follower, cluster[1].Raft.Role);
        Assert.Equal(cluster[3].Raft.Term, cluster[1].Raft.Term);
    }

    [Fact]
    public void With_pre_vote_a_returning_member_disturbs_nobody()
    {
        var cluster = new Cluster(3, s => s with { CheckQuorum = true, PreVote = true });
        cluster.Elect(1);
        cluster.Isolate(3);
        cluster.Tick(3, 100);
        Assert.Equal((RaftRole.PreCandidate, 1ul), (cluster[3].Raft.Role, cluster[3].Raft.Term));
        cluster.Heal();
        cluster[3].Raft.Campaign();
        cluster.Settle();
        cluster.Tick(1);
        Assert.Equal((RaftRole.Leader, 1ul), (cluster[1].Raft.Role, cluster[1].Raft.Term));
        Assert.Equal(1ul, cluster[3].Raft.Leader);
    }

    [Fact]
    public void A_pre_vote_changes_neither_term_nor_vote()
    {
        var member = new Cluster(3)[1];
        member.Raft.Step(Vote(2, 7, new EntryId(1, 1), MessageType.PreVote));
        var ready = member.Raft.Ready();
        Assert.Null(ready.HardState);
        Assert.Equal((MessageType.PreVoteResp, 7ul, false), (ready.Messages[0].Type, ready.Messages[0].Term, ready.Messages[0].Reject));
        Assert.Equal(0ul, member.Raft.Term);
    }

    [Fact]
    public void A_cluster_with_pre_vote_elects_by_time_alone()
    {
        var cluster = new Cluster(3, s => s with { CheckQuorum = true, PreVote = true });
        for (var i = 0; i < 100; i++)
        {
            foreach (var member in cluster.Members)
                cluster.Tick(member.Id);
        }

        Assert.Equal(RaftRole.Leader, cluster.Leader.Raft.Role);
        cluster.Propose(cluster.Leader.Id, "x");
        Assert.All(cluster.Members, m => Assert.Equal(["x"], m.Applied));
    }

    [Fact]
    public void A_member_with_unapplied_configuration_changes_does_not_campaign()
    {
        var storage = new MemoryStorage();
        storage.ApplySnapshot(new Snapshot(new SnapshotMetadata(new ConfState { Voters = [1] }, 1, 1), default));
        storage.Append([new Entry(EntryType.ConfChange, 1, 2, ConfChangeCodec.Encode(new ConfChange { NodeId = 2 }))]);
        storage.SetHardState(new HardState(1, 0, 2));
        var raft = new RaftNode(new RaftSettings().ToOptions(1), storage);
        raft.Campaign();
        Assert.Equal(RaftRole.Follower, raft.Role);
    }

    [Fact]
    public void A_removed_voter_that_refuses_tells_what_is_committed()
    {
        var cluster = new Cluster(2);
        cluster.Elect(1);
        var committed = new EntryId(1, cluster[1].Raft.CommitIndex);
        cluster[1].Raft.ApplyConfChange(new ConfChange { Type = ConfChangeType.RemoveNode, NodeId = 1 });
        cluster[1].Raft.Step(Vote(2, 9, new EntryId(0, 0)));
        var answer = Assert.Single(cluster[1].Work(), m => m.Type == MessageType.VoteResp);
        Assert.True(answer.Reject);
        Assert.Equal(committed, new EntryId(answer.LogTerm, answer.Index));
    }

    [Fact]
    public void When_the_leaders_process_is_gone_the_next_one_leads_within_two_ticks()
    {
        var cluster = new Cluster(5, s => s with { CheckQuorum = true, PreVote = true });
        cluster.Elect(2);
        cluster.Propose(2, "a");
        cluster.Isolate(2);
        foreach (var id in new ulong[] { 1, 3, 4, 5 })
            cluster[id].Raft.ReportGone(2);
        TickFollowers(cluster, 2);
        Assert.Equal(1ul, cluster.Leader.Id);
        Assert.Equal(2ul, cluster.Leader.Raft.Term);
        cluster.Propose(1, "b");
        Assert.Equal(["a", "b"], cluster[5].Applied);
    }

    [Fact]
    public void If_the_first_in_turn_cannot_win_the_second_does()
    {
        var cluster = new Cluster(3, s => s with { CheckQuorum = true, PreVote = true });
        cluster.Elect(3);
        cluster.Isolate(1);
        cluster.Propose(3, "only 2 has it");
        cluster.Heal();
        cluster.Isolate(3);
        cluster[1].Raft.ReportGone(3);
        cluster[2].Raft.ReportGone(3);
        TickFollowers(cluster, 3);
        Assert.Equal(2ul, cluster.Leader.Id);
    }

    [Fact]
    public void A_wrong_report_that_the_leader_is_gone_does_no_harm()
    {
        var cluster = new Cluster(3, s => s with { CheckQuorum = true, PreVote = true });
        cluster.Elect(1);
        cluster[2].Raft.ReportGone(1);
        cluster[3].Raft.ReportGone(2);
        cluster[1].Raft.ReportGone(3);
        Assert.Equal((0ul, 1ul), (cluster[2].Raft.Leader, cluster[3].Raft.Leader));

        // The next heartbeat puts it right, and the haste is over: nobody campaigns although each hears the leader only every third tick.
        for (var i = 0; i < 30; i++)
        {
            cluster.Tick(1);
            TickFollowers(cluster, 3);
        }

        Assert.Equal((1ul, 1ul), (cluster.Leader.Id, cluster[2].Raft.Term));
        Assert.All(cluster.Members, m => Assert.Equal(1ul, m.Raft.Leader));
    }

    [Fact]
    public void Haste_is_over_after_one_attempt()
    {
        var cluster = new Cluster(3, s => s with { CheckQuorum = true, PreVote = true });
        cluster.Elect(3);
        cluster.Isolate(3);
        cluster.Isolate(2);
        cluster[1].Raft.ReportGone(3);
        cluster[1].Raft.Tick();
        Assert.Equal(RaftRole.PreCandidate, cluster[1].Raft.Role);
        cluster.Settle();
        for (var i = 0; i < 9; i++)
        {
            cluster[1].Raft.Tick();
            Assert.False(cluster[1].Raft.HasReady);
        }
    }

    private static void TickFollowers(Cluster cluster, int ticks)
    {
        for (var i = 0; i < ticks; i++)
        {
            foreach (var member in cluster.Members.Where(m => m.Raft.Role != RaftRole.Leader).ToList())
                cluster.Tick(member.Id);
        }
    }
}
