namespace EtcdNet.Raft;

/// <summary>What happens to a member. Numbers are those of raftpb.ConfChangeType.</summary>
public enum ConfChangeType
{
    /// <summary>Becomes a voter (also: promote a learner).</summary>
    AddNode = 0,

    /// <summary>Leaves.</summary>
    RemoveNode = 1,

    /// <summary>Nothing for Raft; carries the caller's context.</summary>
    UpdateNode = 2,

    /// <summary>Becomes a learner (also: demote a voter).</summary>
    AddLearnerNode = 3,
}

/// <summary>How a <see cref="ConfChangeV2"/> passes through the joint configuration. Numbers are those of raftpb.</summary>
public enum ConfChangeTransition
{
    /// <summary>Joint only if more than one member changes, and then left automatically.</summary>
    Auto = 0,

    /// <summary>Always joint, left automatically.</summary>
    JointImplicit = 1,

    /// <summary>Always joint, left by an empty <see cref="ConfChangeV2"/>.</summary>
    JointExplicit = 2,
}

/// <summary>One member's part of a change.</summary>
/// <param name="Type">What happens.</param>
/// <param name="NodeId">To whom; 0 is skipped, which is how a refused change is applied.</param>
public readonly record struct ConfChangeSingle(ConfChangeType Type, ulong NodeId);

/// <summary>Change of one member, the only kind etcd proposes (raftpb.ConfChange).</summary>
public sealed record ConfChange
{
    /// <summary>Chosen by the caller to find its answer; Raft ignores it.</summary>
    public ulong Id { get; init; }

    /// <summary>What happens.</summary>
    public ConfChangeType Type { get; init; }

    /// <summary>To whom.</summary>
    public ulong NodeId { get; init; }

    /// <summary>Opaque to Raft (in etcd: the member as JSON).</summary>
    public ReadOnlyMemory<byte> Context { get; init; }

    /// <summary>The same change as a <see cref="ConfChangeV2"/>.</summary>
    public ConfChangeV2 AsV2() => new() { Changes = [new ConfChangeSingle(Type, NodeId)], Context = Context };
}

/// <summary>Change of any number of members (raftpb.ConfChangeV2; Raft paper §6).</summary>
public sealed record ConfChangeV2
{
    /// <summary>Passage through the joint configuration.</summary>
    public ConfChangeTransition Transition { get; init; }

    /// <summary>The changes, applied in order; empty (with <see cref="ConfChangeTransition.Auto"/>) leaves the joint configuration.</summary>
    public IReadOnlyList<ConfChangeSingle> Changes { get; init; } = [];

    /// <summary>Opaque to Raft.</summary>
    public ReadOnlyMemory<byte> Context { get; init; }

    /// <summary>True when this is the way out of the joint configuration.</summary>
    public bool LeavesJoint => Transition == ConfChangeTransition.Auto && Changes.Count == 0;

    /// <summary>True when this goes through a joint configuration: asked for, or needed since several members change.</summary>
    public bool EntersJoint => Transition != ConfChangeTransition.Auto || Changes.Count > 1;

    /// <summary>The leader leaves the joint configuration by itself.</summary>
    public bool AutoLeave => Transition != ConfChangeTransition.JointExplicit;
}
