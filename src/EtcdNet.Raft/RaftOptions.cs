namespace EtcdNet.Raft;

/// <summary>How the leader proves that it still leads before a read is served (Raft thesis §6.4).</summary>
public enum ReadOnlyOption
{
    /// <summary>One heartbeat round to a quorum; correct whatever the clocks do.</summary>
    Safe = 0,

    /// <summary>Trusts the lease that <see cref="RaftOptions.CheckQuorum"/> keeps; needs clocks that run at like speed.</summary>
    LeaseBased = 1,
}

/// <summary>Settings of one <see cref="RaftNode"/>. Sizes are bytes, times are ticks.</summary>
public sealed class RaftOptions
{
    /// <summary>This member; neither 0 nor one of <see cref="LocalThreads"/>.</summary>
    public required ulong Id { get; init; }

    /// <summary>Ticks without a leader before an election; the real timeout is random in [this, 2 × this).</summary>
    public int ElectionTick { get; init; } = 10;

    /// <summary>Ticks between heartbeats; less than <see cref="ElectionTick"/>.</summary>
    public int HeartbeatTick { get; init; } = 1;

    /// <summary>Index already applied to the state machine before this start; 0 for unknown.</summary>
    public ulong Applied { get; init; }

    /// <summary>Storage work comes as messages and is acknowledged by messages.</summary>
    public bool AsyncStorageWrites { get; init; }

    /// <summary>Most bytes of entries in one append message; at least one entry is sent. etcd: 1 MiB.</summary>
    public ulong MaxSizePerMessage { get; init; } = 1 << 20;

    /// <summary>Most bytes of committed entries handed out and not yet applied; 0 means <see cref="MaxSizePerMessage"/>.</summary>
    public ulong MaxCommittedSizePerReady { get; init; }

    /// <summary>Most bytes of payload in the uncommitted tail of the leader's log; 0 means no limit.</summary>
    public ulong MaxUncommittedEntriesSize { get; init; }

    /// <summary>Most append messages on the way to one member. etcd: 512.</summary>
    public int MaxInflightMessages { get; init; } = 512;

    /// <summary>Most payload bytes on the way to one member; 0 means no limit, else at least <see cref="MaxSizePerMessage"/>.</summary>
    public ulong MaxInflightBytes { get; init; }

    /// <summary>A leader that hears no quorum for an election timeout steps down; votes honour the leader's lease.</summary>
    public bool CheckQuorum { get; init; }

    /// <summary>Ask before raising the term (Raft thesis §9.6).</summary>
    public bool PreVote { get; init; }

    /// <summary>How reads are confirmed. <see cref="Raft.ReadOnlyOption.LeaseBased"/> needs <see cref="CheckQuorum"/>.</summary>
    public ReadOnlyOption ReadOnlyOption { get; init; }

    /// <summary>A follower drops proposals instead of sending them to the leader.</summary>
    public bool DisableProposalForwarding { get; init; }

    /// <summary>Let configuration changes into the log unchecked; the caller checks when applying.</summary>
    public bool DisableConfChangeValidation { get; init; }

    /// <summary>A leader that is removed or made a learner steps down at once.</summary>
    public bool StepDownOnRemoval { get; init; }

    /// <summary>Source of election timeouts; seeded by the caller so that a run can be repeated.</summary>
    public required Random Random { get; init; }

    /// <summary>Receives log lines; null for none.</summary>
    public IRaftLogger? Logger { get; init; }

    internal ulong AppliedWindow => MaxCommittedSizePerReady == 0 ? MaxSizePerMessage : MaxCommittedSizePerReady;

    internal ulong UncommittedLimit => MaxUncommittedEntriesSize == 0 ? ulong.MaxValue : MaxUncommittedEntriesSize;

    internal void Validate()
    {
        Check(Id != 0 && !LocalThreads.Contains(Id), nameof(Id), "must be a member id");
        Check(HeartbeatTick > 0, nameof(HeartbeatTick), "must be greater than 0");
        Check(ElectionTick > HeartbeatTick, nameof(ElectionTick), "must be greater than the heartbeat tick");
        Check(MaxSizePerMessage > 0 || MaxCommittedSizePerReady > 0, nameof(MaxCommittedSizePerReady),
            "must be greater than 0 when the message size is 0");
        Check(MaxInflightMessages > 0, nameof(MaxInflightMessages), "must be greater than 0");
        Check(MaxInflightBytes == 0 || MaxInflightBytes >= MaxSizePerMessage, nameof(MaxInflightBytes),
            "must be 0 or at least the message size");
        Check(ReadOnlyOption != ReadOnlyOption.LeaseBased || CheckQuorum, nameof(CheckQuorum), "must be on for lease based reads");
        Check(Random is not null, nameof(Random), "is needed");
    }

    private static void Check(bool valid, string name, string rule)
    {
        if (!valid)
            throw new ArgumentException($"{name} {rule}", name);
    }
}
