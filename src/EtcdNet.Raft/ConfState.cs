namespace EtcdNet.Raft;

/// <summary>
/// Who votes and who only listens. While <see cref="VotersOutgoing"/> is not empty the configuration is joint
/// (Raft paper §6): a decision needs a majority of both voter sets.
/// </summary>
public sealed record ConfState
{
    /// <summary>Voters of the (incoming) configuration, ascending.</summary>
    public IReadOnlyList<ulong> Voters { get; init; } = [];

    /// <summary>Members that get the log but do not vote, ascending.</summary>
    public IReadOnlyList<ulong> Learners { get; init; } = [];

    /// <summary>Voters of the configuration being left, ascending; empty unless joint.</summary>
    public IReadOnlyList<ulong> VotersOutgoing { get; init; } = [];

    /// <summary>Members that become learners when the joint configuration is left.</summary>
    public IReadOnlyList<ulong> LearnersNext { get; init; } = [];

    /// <summary>The leader proposes the leave by itself.</summary>
    public bool AutoLeave { get; init; }

    /// <inheritdoc/>
    public bool Equals(ConfState? other) =>
        other is not null && AutoLeave == other.AutoLeave && Voters.SequenceEqual(other.Voters)
        && Learners.SequenceEqual(other.Learners) && VotersOutgoing.SequenceEqual(other.VotersOutgoing)
        && LearnersNext.SequenceEqual(other.LearnersNext);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Voters.Count, Learners.Count, VotersOutgoing.Count, AutoLeave);
}
