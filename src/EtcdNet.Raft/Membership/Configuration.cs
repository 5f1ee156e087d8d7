using EtcdNet.Raft.Quorum;

namespace EtcdNet.Raft.Membership;

/// <summary>Who votes and who learns, in the form that decisions are made on. Immutable.</summary>
internal sealed record Configuration
{
    public static Configuration Empty { get; } = new();

    public JointQuorum Voters { get; init; } = new(MajorityQuorum.Empty, MajorityQuorum.Empty);

    /// <summary>Members without vote, disjoint from both voter sets.</summary>
    public SortedSet<ulong> Learners { get; init; } = [];

    /// <summary>Outgoing voters that become learners on leaving the joint configuration.</summary>
    public SortedSet<ulong> LearnersNext { get; init; } = [];

    public bool AutoLeave { get; init; }

    public bool IsJoint => Voters.IsJoint;

    public ConfState ToConfState() => new()
    {
        Voters = Voters.Incoming.Ids.ToArray(),
        VotersOutgoing = Voters.Outgoing.Ids.ToArray(),
        Learners = [.. Learners],
        LearnersNext = [.. LearnersNext],
        AutoLeave = AutoLeave,
    };

    /// <summary>As in logs: <c>voters=(1 2)&amp;&amp;(1) learners=(3) autoleave</c>.</summary>
    public override string ToString() =>
        $"voters={Voters}"
        + (Learners.Count > 0 ? $" learners=({string.Join(' ', Learners)})" : "")
        + (LearnersNext.Count > 0 ? $" learners_next=({string.Join(' ', LearnersNext)})" : "")
        + (AutoLeave ? " autoleave" : "");
}
