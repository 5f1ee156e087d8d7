using EtcdNet.Raft.Tracking;

namespace EtcdNet.Raft;

/// <summary>A copy of a node's state at one moment.</summary>
public sealed record RaftStatus
{
    /// <summary>This member.</summary>
    public ulong Id { get; init; }

    /// <summary>Current term.</summary>
    public ulong Term { get; init; }

    /// <summary>Member voted for in this term, 0 for none.</summary>
    public ulong Vote { get; init; }

    /// <summary>Highest index known to be committed.</summary>
    public ulong Commit { get; init; }

    /// <summary>Highest index reported as applied.</summary>
    public ulong Applied { get; init; }

    /// <summary>Leader as known here, 0 for none.</summary>
    public ulong Lead { get; init; }

    /// <summary>Member that the leadership is being handed to, 0 for none.</summary>
    public ulong LeadTransferee { get; init; }

    /// <summary>What this member is.</summary>
    public RaftRole Role { get; init; }

    /// <summary>The configuration in force here.</summary>
    public required ConfState Config { get; init; }

    /// <summary>Every member as the leader sees it, ascending by id; empty when not leading.</summary>
    public IReadOnlyList<ProgressStatus> Progress { get; init; } = [];
}
