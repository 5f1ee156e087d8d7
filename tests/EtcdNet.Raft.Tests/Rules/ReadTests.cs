using EtcdNet.Raft.Tests.Support;

namespace EtcdNet.Raft.Tests.Rules;

/// <summary>Thesis §6.4 and §6.4.1; Raft paper §8.</summary>
public sealed class ReadTests
{
    private static readonly byte[] Context = [1, 2, 3];

    [Fact]
    public void A_read_on_the_leader_is_confirmed_by_a_quorum()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Propose(1, "a");
        cluster[1].Raft.ReadIndex(Context);
        Assert.Empty(cluster[1].Reads);
        cluster.Settle();
        var read = Assert.Single(cluster[1].Reads);
        Assert.Equal(cluster[1].Raft.CommitIndex, read.Index);
        Assert.Equal(Context, read.Context.ToArray());
    }

    [Fact]
    public void A_read_on_a_follower_goes_to_the_leader_and_back()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Propose(1, "a");
        cluster[3].Raft.ReadIndex(Context);
        cluster.Settle();
        Assert.Equal(cluster[1].Raft.CommitIndex, Assert.Single(cluster[3].Reads).Index);
        Assert.Empty(cluster[1].Reads);
    }

    [Fact]
    public void A_leader_that_was_replaced_answers_no_read()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Isolate(1);
        cluster.Elect(2);
        cluster.Propose(2, "new");
        cluster[1].Raft.ReadIndex(Context);
        cluster.Tick(1, 5);
        Assert.Empty(cluster[1].Reads);
    }

    [Fact]
    public void Confirmations_of_a_minority_do_not_count()
    {
        var cluster = new Cluster(5);
        cluster.Elect(1);
        cluster.Split(1, 2);
        cluster[3].Raft.Campaign();
        cluster.Settle();
        cluster.Propose(3, "new");
        cluster[1].Raft.ReadIndex(Context);
        cluster.Tick(1, 5);
        Assert.Contains(cluster.Delivered, m => m is { Type: MessageType.HeartbeatResp, From: 2, Context.IsEmpty: false });
        Assert.Empty(cluster[1].Reads);
    }

    [Fact]
    public void Reads_wait_until_the_leader_has_committed_in_its_term()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Propose(1, "a");
        var raft = cluster[2].Raft;
        raft.Campaign();
        cluster[2].Work();
        raft.Step(new Message { Type = MessageType.VoteResp, To = 2, From = 3, Term = raft.Term });
        Assert.Equal(RaftRole.Leader, raft.Role);
        raft.ReadIndex(Context);
        Assert.Empty(cluster[2].Reads);
        cluster.Settle();
        Assert.Equal(raft.LastIndex, Assert.Single(cluster[2].Reads).Index);
    }

    [Fact]
    public void One_round_confirms_all_reads_before_it()
    {
        var cluster = new Cluster(3);
        cluster.Elect(1);
        cluster.Isolate(1);
        for (byte i = 1; i <= 5; i++)
            cluster[1].Raft.ReadIndex(new[] { i });
        cluster.Settle();
        Assert.Empty(cluster[1].Reads);
        cluster.Heal();
        cluster.Tick(1);
        Assert.Equal(5, cluster[1].Reads.Count);
    }

    [Fact]
    public void A_single_voter_confirms_itself_but_not_before_its_first_commit()
    {
        var cluster = new Cluster(1);
        cluster.Elect(1);
        var raft = cluster[1].Raft;
        raft.Step(new Message { Type = MessageType.Heartbeat, To = 1, From = 9, Term = 5 });
        raft.Campaign();
        cluster[1].Work();
        Assert.Equal(RaftRole.Leader, raft.Role);
        raft.ReadIndex(Context);
        cluster[1].Work();
        Assert.Empty(cluster[1].Reads);
        cluster.Settle();
        Assert.Equal(raft.LastIndex, Assert.Single(cluster[1].Reads).Index);
    }

    [Fact]
    public void A_lease_answers_at_once()
    {
        var cluster = new Cluster(3, s => s with { CheckQuorum = true, Reads = ReadOnlyOption.LeaseBased });
        cluster.Elect(1);
        cluster.Delivered.Clear();
        cluster[1].Raft.ReadIndex(Context);
        cluster.Settle();
        Assert.Single(cluster[1].Reads);
        Assert.Empty(cluster.Delivered);
    }

    [Fact]
    public void A_leader_that_removed_itself_still_asks_the_others()
    {
        // With one voter left that is not this leader, a shortcut for single voters would read alone.
        var cluster = new Cluster(2);
        cluster.Elect(1);
        cluster.Change(1, "r1");
        cluster.Isolate(1);
        cluster[1].Raft.ReadIndex(Context);
        cluster.Settle();
        Assert.Empty(cluster[1].Reads);
    }

    [Fact]
    public void A_read_needs_a_name() => Assert.Throws<ArgumentException>(() => new Cluster(1)[1].Raft.ReadIndex(default));
}
