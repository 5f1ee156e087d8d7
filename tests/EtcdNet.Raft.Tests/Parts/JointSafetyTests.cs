using EtcdNet.Raft.Membership;
using EtcdNet.Raft.Quorum;
using EtcdNet.Raft.Tracking;
using EtcdNet.Testing;

namespace EtcdNet.Raft.Tests.Parts;

/// <summary>
/// Raft paper §6: while a change spreads, some members use the old configuration and some the new one. Two leaders of one term are
/// impossible if every set of members that can decide in one shares a member with every set that can decide in the other.
/// </summary>
public sealed class JointSafetyTests
{
    private const int MaxId = 6;

    [Fact]
    public void Whoever_can_decide_before_and_after_a_change_share_a_member()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var (simple, joint, refused) = (0, 0, 0);
        for (var round = 0; round < 300; round++)
        {
            var tracker = new ProgressTracker(8, 0);
            Switch(tracker, ConfChanger.Simple(tracker, 1, [new ConfChangeSingle(ConfChangeType.AddNode, 1)]));
            for (var step = 0; step < 20; step++)
            {
                var before = tracker.Configuration;
                try
                {
                    Switch(tracker, Next(random, tracker));
                }
                catch (ConfChangeException)
                {
                    refused++;
                    Assert.Same(before, tracker.Configuration);
                    continue;
                }

                joint += tracker.Configuration.IsJoint ? 1 : 0;
                simple += tracker.Configuration.IsJoint ? 0 : 1;
                AssertWellFormed(tracker, $"seed {seed} round {round} step {step}");
                AssertOverlap(before.Voters, tracker.Configuration.Voters, $"seed {seed} round {round}: {before} to {tracker.Configuration}");
            }
        }

        Assert.True(simple > 100 && joint > 100 && refused > 100, $"seed {seed}: {simple} simple, {joint} joint, {refused} refused");
    }

    [Fact]
    public void Without_a_joint_configuration_two_voters_at_once_would_not_be_safe()
    {
        // The check above is able to fail: this is the change that the rules forbid.
        var before = new JointQuorum(new MajorityQuorum([1, 2, 3]), MajorityQuorum.Empty);
        var after = new JointQuorum(new MajorityQuorum([1, 2, 3, 4, 5]), MajorityQuorum.Empty);
        Assert.True(Overlap(before, before));
        Assert.False(Overlap(before, after));
    }

    private static (Configuration Configuration, Progress[] Members) Next(Random random, ProgressTracker tracker)
    {
        var changes = Enumerable.Range(0, random.Next(1, 5)).Select(_ =>
            new ConfChangeSingle((ConfChangeType)random.Next(4), (ulong)random.Next(1, MaxId + 1))).ToArray();
        return random.Next(3) switch
        {
            0 => ConfChanger.Simple(tracker, 1, changes),
            1 => ConfChanger.EnterJoint(tracker, 1, random.Next(2) == 0, changes),
            _ => ConfChanger.LeaveJoint(tracker, 1),
        };
    }

    private static void AssertWellFormed(ProgressTracker tracker, string where)
    {
        var now = tracker.Configuration;
        var voters = now.Voters.Ids;
        Assert.True(now.Voters.Incoming.Count > 0, where);
        Assert.True(!now.Learners.Any(now.Voters.Contains), where);
        Assert.True(now.LearnersNext.All(id => now.Voters.Outgoing.Contains(id) && !now.Voters.Incoming.Contains(id)), where);
        Assert.Equal(voters.Concat(now.Learners).Order(), tracker.Members.Select(m => m.Id));
        Assert.All(tracker.Members, m => Assert.True(m.IsLearner == now.Learners.Contains(m.Id), where));
    }

    private static void AssertOverlap(JointQuorum before, JointQuorum after, string where) => Assert.True(Overlap(before, after), where);

    private static bool Overlap(JointQuorum before, JointQuorum after)
    {
        var (first, second) = (Deciding(before), Deciding(after));
        return first.Count > 0 && second.Count > 0 && first.TrueForAll(a => second.TrueForAll(b => (a & b) != 0));
    }

    /// <summary>Every set of members, as bits, that wins a vote on its own.</summary>
    private static List<int> Deciding(JointQuorum quorum) => [.. Enumerable.Range(0, 1 << MaxId).Where(set =>
        quorum.Vote(Enumerable.Range(0, MaxId).ToDictionary(i => (ulong)i + 1, i => (set & (1 << i)) != 0)) == VoteResult.Won)];

    private static void Switch(ProgressTracker tracker, (Configuration Configuration, Progress[] Members) next) =>
        tracker.Switch(next.Configuration, next.Members);
}
