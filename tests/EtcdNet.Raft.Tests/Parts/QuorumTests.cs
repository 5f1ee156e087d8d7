using EtcdNet.Raft.Quorum;
using EtcdNet.Testing;

namespace EtcdNet.Raft.Tests.Parts;

/// <summary>Quorum maths against definitions that are slow and obvious.</summary>
public sealed class QuorumTests
{
    private const int Rounds = 20_000;

    [Fact]
    public void The_committed_index_is_the_largest_that_a_majority_has()
    {
        var (random, seed) = New();
        for (var round = 0; round < Rounds; round++)
        {
            var (first, second) = (Ids(random), Ids(random));
            var acknowledged = Acknowledged(random);
            var quorum = new JointQuorum(new MajorityQuorum(first), new MajorityQuorum(second));
            var expected = Math.Min(Slow(first, acknowledged), Slow(second, acknowledged));
            Assert.True(expected == quorum.Committed(acknowledged), $"seed {seed} round {round}: {quorum}");
        }
    }

    [Fact]
    public void A_vote_is_decided_exactly_when_the_missing_votes_cannot_change_it()
    {
        var (random, seed) = New();
        for (var round = 0; round < Rounds; round++)
        {
            var quorum = new JointQuorum(new MajorityQuorum(Ids(random)), new MajorityQuorum(Ids(random)));
            var votes = quorum.Ids.Where(_ => random.Next(3) > 0).ToDictionary(id => id, _ => random.Next(2) == 0);
            var best = quorum.Ids.ToDictionary(id => id, id => votes.GetValueOrDefault(id, true));
            var worst = quorum.Ids.ToDictionary(id => id, id => votes.GetValueOrDefault(id, false));
            var expected = Wins(quorum, worst) ? VoteResult.Won : Wins(quorum, best) ? VoteResult.Pending : VoteResult.Lost;
            Assert.True(expected == quorum.Vote(votes), $"seed {seed} round {round}: {quorum}");
        }
    }

    [Fact]
    public void Two_winning_sets_of_voters_always_share_a_member()
    {
        for (var size = 1; size <= 7; size++)
        {
            var quorum = new MajorityQuorum(Enumerable.Range(1, size).Select(i => (ulong)i));
            var winning = Enumerable.Range(0, 1 << size).Where(set => quorum.Vote(Votes(size, set)) == VoteResult.Won).ToList();
            Assert.NotEmpty(winning);
            Assert.All(winning, a => Assert.All(winning, b => Assert.NotEqual(0, a & b)));
        }
    }

    private static Dictionary<ulong, bool> Votes(int size, int set) =>
        Enumerable.Range(0, size).ToDictionary(i => (ulong)i + 1, i => (set & (1 << i)) != 0);

    private static bool Wins(JointQuorum quorum, Dictionary<ulong, bool> votes) =>
        Majority(quorum.Incoming, votes) && Majority(quorum.Outgoing, votes);

    private static bool Majority(MajorityQuorum quorum, Dictionary<ulong, bool> votes) =>
        quorum.Count == 0 || 2 * quorum.Ids.ToArray().Count(id => votes[id]) > quorum.Count;

    private static ulong Slow(ulong[] ids, Indexes acknowledged) => ids.Length == 0 ? ulong.MaxValue
        : acknowledged.Values.Append(0ul).Where(index => 2 * ids.Count(id => acknowledged.Get(id) >= index) > ids.Length).Max();

    private static ulong[] Ids(Random random) => [.. Enumerable.Range(1, 24).Where(_ => random.Next(3) == 0).Select(i => (ulong)i)];

    private static Indexes Acknowledged(Random random) =>
        new(Enumerable.Range(1, 24).Where(_ => random.Next(4) > 0).ToDictionary(i => (ulong)i, _ => (ulong)random.Next(20)));

    private static (Random Random, int Seed) New()
    {
        var seed = TestSeed.Next();
        return (new Random(seed), seed);
    }

    private sealed class Indexes(Dictionary<ulong, ulong> indexes) : IAcknowledged
    {
        public IEnumerable<ulong> Values => indexes.Values;

        public ulong Get(ulong id) => indexes.GetValueOrDefault(id);

        public bool TryGet(ulong id, out ulong index) => indexes.TryGetValue(id, out index);
    }
}
