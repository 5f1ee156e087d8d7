using EtcdNet.Raft.Membership;
using EtcdNet.Raft.Tracking;
using EtcdNet.Testing;

namespace EtcdNet.Raft.Tests.Parts;

/// <summary>Random changes: however a configuration came about, it is the same.</summary>
public sealed class ConfChangerTests
{
    [Fact]
    public void A_joint_change_and_the_same_changes_one_by_one_end_alike()
    {
        var (random, seed) = New();
        for (var round = 0; round < 2_000; round++)
        {
            var (joint, single) = (NewTracker(), NewTracker());
            var changes = Changes(random);

            // Member 9 stays a voter, so that no order of the changes removes the last one.
            foreach (var tracker in (ProgressTracker[])[joint, single])
                Switch(tracker, ConfChanger.Simple(tracker, 1, [new ConfChangeSingle(ConfChangeType.AddNode, 9)]));
            Switch(joint, ConfChanger.EnterJoint(joint, 1, false, changes));
            Switch(joint, ConfChanger.LeaveJoint(joint, 1));
            foreach (var change in changes)
                Switch(single, ConfChanger.Simple(single, 1, [change]));
            Assert.True(joint.Configuration.ToString() == single.Configuration.ToString(),
                $"seed {seed} round {round}: {Describe.Changes(changes)}: {joint.Configuration} and {single.Configuration}");
            Assert.Equal(joint.Members.Select(m => $"{m.Id} {m.IsLearner}"), single.Members.Select(m => $"{m.Id} {m.IsLearner}"));
        }
    }

    [Fact]
    public void A_stored_configuration_is_restored_as_it_was()
    {
        var (random, seed) = New();
        for (var round = 0; round < 2_000; round++)
        {
            var tracker = NewTracker();
            Switch(tracker, ConfChanger.Simple(tracker, 1, [new ConfChangeSingle(ConfChangeType.AddNode, 9)]));
            for (var i = 0; i < 3; i++)
            {
                Switch(tracker, ConfChanger.EnterJoint(tracker, 1, random.Next(2) == 0, Changes(random)));
                CheckRestore(tracker, seed);
                Switch(tracker, ConfChanger.LeaveJoint(tracker, 1));
                CheckRestore(tracker, seed);
            }
        }
    }

    [Fact]
    public void Only_one_voter_changes_without_a_joint_configuration()
    {
        var tracker = NewTracker();
        Switch(tracker, ConfChanger.Simple(tracker, 1, [new ConfChangeSingle(ConfChangeType.AddNode, 1)]));
        Assert.Throws<ConfChangeException>(() => ConfChanger.Simple(tracker, 1,
            [new ConfChangeSingle(ConfChangeType.AddNode, 2), new ConfChangeSingle(ConfChangeType.AddNode, 3)]));
        Assert.Throws<ConfChangeException>(() => ConfChanger.Simple(tracker, 1, [new ConfChangeSingle(ConfChangeType.RemoveNode, 1)]));
        Assert.Throws<ConfChangeException>(() => ConfChanger.Simple(tracker, 1, [new ConfChangeSingle((ConfChangeType)7, 1)]));
        Assert.Throws<ConfChangeException>(() => ConfChanger.LeaveJoint(tracker, 1));
    }

    private static void CheckRestore(ProgressTracker tracker, int seed)
    {
        var state = tracker.Configuration.ToConfState();
        var (restored, members) = Restore.From(NewTracker(), 1, state);
        Assert.True(state == restored.ToConfState(), $"seed {seed}: {tracker.Configuration} was restored as {restored}");
        Assert.Equal(tracker.Members.Select(m => $"{m.Id} {m.IsLearner}"), members.Select(m => $"{m.Id} {m.IsLearner}"));
    }

    private static List<ConfChangeSingle> Changes(Random random) => [.. Enumerable.Range(0, 1 + random.Next(8)).Select(_ =>
        new ConfChangeSingle((ConfChangeType)random.Next(4), (ulong)random.Next(1, 7)))];

    private static ProgressTracker NewTracker() => new(8, 0);

    private static void Switch(ProgressTracker tracker, (Configuration Configuration, Progress[] Members) next) =>
        tracker.Switch(next.Configuration, next.Members);

    private static (Random Random, int Seed) New()
    {
        var seed = TestSeed.Next();
        return (new Random(seed), seed);
    }
}
