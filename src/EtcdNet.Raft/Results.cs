namespace EtcdNet.Raft;

/// <summary>What became of a proposal. Anything but <see cref="Accepted"/> means: not in any log, try again later.</summary>
public enum ProposeResult
{
    /// <summary>Appended to the leader's log, or sent towards the leader. It may still be lost with the leader.</summary>
    Accepted = 0,

    /// <summary>No leader is known.</summary>
    DroppedNoLeader,

    /// <summary>The leader is about to hand over.</summary>
    DroppedTransfer,

    /// <summary><see cref="RaftOptions.MaxUncommittedEntriesSize"/> would be exceeded.</summary>
    DroppedTooMuchUncommitted,

    /// <summary>This leader is no longer in the configuration.</summary>
    DroppedRemoved,

    /// <summary>This follower must not forward (<see cref="RaftOptions.DisableProposalForwarding"/>).</summary>
    DroppedForwardingDisabled,
}

/// <summary>What became of a message given to <see cref="RaftNode.Step"/>.</summary>
public enum StepResult
{
    /// <summary>Handled (which includes being ignored as old).</summary>
    Handled = 0,

    /// <summary>An answer from somebody outside the configuration.</summary>
    PeerNotFound,

    /// <summary>A local message type that came from outside.</summary>
    LocalMessageRefused,

    /// <summary>A forwarded proposal that could not be taken.</summary>
    ProposalDropped,

    /// <summary>Term or sender are missing where Raft needs them.</summary>
    Malformed,
}
