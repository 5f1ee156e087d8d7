using EtcdNet.Raft.Tracking;

namespace EtcdNet.Raft.Membership;

/// <summary>Builds the configuration that a snapshot or the storage describes.</summary>
internal static class Restore
{
    /// <summary>
    /// Replays <paramref name="state"/> as changes on an empty tracker: first the outgoing voters one by one, then one joint step to
    /// the rest. So a restored configuration has passed the same checks as one that grew.
    /// </summary>
    public static (Configuration Configuration, Progress[] Members) From(ProgressTracker empty, ulong lastIndex, ConfState state)
    {
        foreach (var id in state.VotersOutgoing)
            Step(empty, lastIndex, new ConfChangeSingle(ConfChangeType.AddNode, id));

        List<ConfChangeSingle> incoming = [];
        foreach (var id in state.VotersOutgoing)
            incoming.Add(new ConfChangeSingle(ConfChangeType.RemoveNode, id));
        foreach (var id in state.Voters)
            incoming.Add(new ConfChangeSingle(ConfChangeType.AddNode, id));
        foreach (var id in state.Learners)
            incoming.Add(new ConfChangeSingle(ConfChangeType.AddLearnerNode, id));
        foreach (var id in state.LearnersNext)
            incoming.Add(new ConfChangeSingle(ConfChangeType.AddLearnerNode, id));

        if (state.VotersOutgoing.Count > 0)
            return ConfChanger.EnterJoint(empty, lastIndex, state.AutoLeave, incoming);
        foreach (var change in incoming)
            Step(empty, lastIndex, change);
        return (empty.Configuration, empty.Members);
    }

    private static void Step(ProgressTracker tracker, ulong lastIndex, ConfChangeSingle change)
    {
        var (configuration, members) = ConfChanger.Simple(tracker, lastIndex, [change]);
        tracker.Switch(configuration, members);
    }
}
