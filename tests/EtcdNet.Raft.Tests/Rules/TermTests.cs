using EtcdNet.Raft.Tests.Support;

namespace EtcdNet.Raft.Tests.Rules;

/// <summary>Raft paper §5.1 (terms), §5.2 (who gives way to whom) and §8 (the first entry of a term).</summary>
public sealed class TermTests
{
    [Theory]
    [InlineData(MessageType.App)]
    [InlineData(MessageType.Heartbeat)]
    [InlineData(MessageType.Snap)]
    public void A_message_of_an_old_leader_changes_nothing(MessageType type)
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Elect(2);
        var follower = cluster[3].Raft;
        var before = (follower.Term, follower.LastIndex, follower.CommitIndex, follower.Leader);
        follower.Step(new Message
        {
            Type = type, To = 3, From = 1, Term = 1, Index = before.LastIndex, LogTerm = before.Term, Commit = before.CommitIndex,
            Entries = type == MessageType.App ? [new Entry(EntryType.Normal, 1, before.LastIndex + 1, default)] : [],
        });
        Assert.Equal(before, (follower.Term, follower.LastIndex, follower.CommitIndex, follower.Leader));
    }

    [Fact]
    public void A_vote_request_of_an_old_term_gets_no_vote()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Elect(2);
        cluster[3].Raft.Step(new Message { Type = MessageType.Vote, To = 3, From = 1, Term = 1, LogTerm = 9, Index = 99 });
        Assert.False(cluster[3].Raft.HasReady);
        Assert.Equal(2ul, cluster[3].Raft.Leader);
    }

    [Theory]
    [InlineData(MessageType.App)]
    [InlineData(MessageType.Heartbeat)]
    public void A_candidate_gives_way_to_the_leader_of_its_term(MessageType type)
    {
        var raft = new Cluster(3)[1].Raft;
        raft.Campaign();
        Assert.Equal(RaftRole.Candidate, raft.Role);
        raft.Step(new Message { Type = type, To = 1, From = 2, Term = 1, Index = 1, LogTerm = 1 });
        Assert.Equal((RaftRole.Follower, 2ul, 1ul), (raft.Role, raft.Leader, raft.Term));
    }

    [Fact]
    public void After_a_split_vote_the_next_term_decides()
    {
        var cluster = new Cluster(4);
        cluster.Split(1, 2);
        cluster[1].Raft.Campaign();
        cluster[3].Raft.Campaign();
        cluster.Settle();
        Assert.Equal((RaftRole.Candidate, RaftRole.Candidate), (cluster[1].Raft.Role, cluster[3].Raft.Role));
        cluster.Heal();
        cluster.Elect(1);
        Assert.Equal(2ul, cluster[1].Raft.Term);
        Assert.All(cluster.Members, m => Assert.Equal(1ul, m.Raft.Leader));
    }

    [Fact]
    public void A_candidate_that_a_majority_refuses_waits_for_a_better_one()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Isolate(3);
        cluster.Propose(1, "a");
        cluster.Heal();
        cluster[3].Raft.Campaign();
        cluster.Settle();
        Assert.Equal((RaftRole.Follower, 0ul), (cluster[3].Raft.Role, cluster[3].Raft.Leader));
    }

    [Fact]
    public void Heartbeats_keep_followers_from_campaigning()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        for (var i = 0; i < 100; i++)
        {
            foreach (var id in new ulong[] { 2, 3, 1 })
                cluster.Tick(id);
        }

        Assert.Equal((1ul, 1ul), (cluster.Leader.Id, cluster[1].Raft.Term));
    }

    [Fact]
    public void A_new_leader_begins_its_term_with_an_empty_entry()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Propose(1, "a");
        cluster.Elect(2);
        var storage = cluster[3].Storage;
        var first = Assert.Single(storage.Entries(storage.LastIndex, storage.LastIndex + 1, ulong.MaxValue));
        Assert.Equal((EntryType.Normal, 2ul, 0), (first.Type, first.Term, first.Data.Length));
        Assert.Equal(first.Index, cluster[2].Raft.CommitIndex);
    }

    [Fact]
    public void A_restarted_member_continues_with_its_term_and_log_as_a_follower()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Propose(1, "a", "b");
        var restarted = new RaftNode(new RaftSettings().ToOptions(1), cluster[1].Storage);
        Assert.Equal((RaftRole.Follower, 1ul, cluster[1].Raft.LastIndex), (restarted.Role, restarted.Term, restarted.LastIndex));
        Assert.Equal(cluster[1].Raft.CommitIndex, restarted.CommitIndex);
    }

    [Fact]
    public void A_successor_campaigns_at_once_although_the_others_hear_their_leader()
    {
        // The lease of thesis §4.2.3 and pre-vote (§9.6) both step aside for a transfer (§3.10).
        var cluster = new Cluster(3, s => s with { CheckQuorum = true, PreVote = true });
        cluster.Elect(1);
        cluster[2].Raft.Step(new Message { Type = MessageType.TimeoutNow, To = 2, From = 1, Term = 1 });
        Assert.Equal((RaftRole.Candidate, 2ul), (cluster[2].Raft.Role, cluster[2].Raft.Term));
        cluster.Settle();
        Assert.Equal(2ul, cluster.Leader.Id);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_leader_of_an_old_term_hears_of_the_new_one(bool preVote)
    {
        var cluster = new Cluster(3, s => s with { CheckQuorum = true, PreVote = preVote });
        cluster.Elect(1);
        cluster[3].Raft.Step(new Message { Type = MessageType.App, To = 3, From = 2, Term = 9, Index = 1, LogTerm = 1 });
        cluster.Tick(1);
        Assert.Equal((RaftRole.Follower, 9ul), (cluster[1].Raft.Role, cluster[1].Raft.Term));
    }
}
