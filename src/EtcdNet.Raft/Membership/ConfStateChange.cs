using EtcdNet.Raft.Tracking;

namespace EtcdNet.Raft.Membership;

/// <summary>What a committed change makes of a configuration, without a node: for whoever stores the configuration.</summary>
public static class ConfStateChange
{
    /// <summary>The configuration after <paramref name="change"/>; the same that <c>RaftNode.ApplyConfChange</c> answers.</summary>
    /// <exception cref="ConfChangeException">The change does not fit <paramref name="before"/>.</exception>
    public static ConfState After(ConfState before, ConfChangeV2 change)
    {
        var tracker = new ProgressTracker(maxInflightMessages: 1, maxInflightBytes: 0);
        (Configuration configuration, Progress[] members) = Restore.From(tracker, lastIndex: 1, before);
        tracker.Switch(configuration, members);
        return ConfChanger.Apply(tracker, lastIndex: 1, change).Configuration.ToConfState();
    }
}
