namespace EtcdNet.Raft;

/// <summary>What a member is. Numbers are those of etcd's StateType.</summary>
public enum RaftRole
{
    /// <summary>Answers, and waits for a leader.</summary>
    Follower = 0,

    /// <summary>Asks for votes.</summary>
    Candidate = 1,

    /// <summary>Orders the log.</summary>
    Leader = 2,

    /// <summary>Asks whether it would get votes (Raft thesis §9.6).</summary>
    PreCandidate = 3,
}

/// <summary>State that need not be stored.</summary>
/// <param name="Leader">Leader of the current term as known here, 0 for none.</param>
/// <param name="Role">What this member is.</param>
public readonly record struct SoftState(ulong Leader, RaftRole Role);

/// <summary>A read may be served once everything up to <paramref name="Index"/> is applied (Raft thesis §6.4).</summary>
/// <param name="Index">Read index.</param>
/// <param name="Context">The bytes passed to <see cref="RaftNode.ReadIndex"/>.</param>
public readonly record struct ReadState(ulong Index, ReadOnlyMemory<byte> Context);

/// <summary>
/// Work for the caller. In sync mode: write <see cref="Entries"/>, <see cref="HardState"/> and <see cref="Snapshot"/> durably,
/// send <see cref="Messages"/>, apply <see cref="CommittedEntries"/>, call <see cref="RaftNode.Advance"/>.
/// In async mode the writes and applies are messages to <see cref="LocalThreads"/>; the other fields are then information only.
/// </summary>
public sealed class Ready
{
    /// <summary>Set when leader or role changed.</summary>
    public SoftState? SoftState { get; init; }

    /// <summary>Set when it changed; durable before <see cref="Messages"/> leave (sync mode).</summary>
    public HardState? HardState { get; init; }

    /// <summary>Reads whose index is now known.</summary>
    public IReadOnlyList<ReadState> ReadStates { get; init; } = [];

    /// <summary>Entries to append; overwrite whatever the log holds from the first one's index on.</summary>
    public IReadOnlyList<Entry> Entries { get; init; } = [];

    /// <summary>Snapshot that replaces log and state machine.</summary>
    public Snapshot? Snapshot { get; init; }

    /// <summary>Entries to apply, in order, after <see cref="Snapshot"/>.</summary>
    public IReadOnlyList<Entry> CommittedEntries { get; init; } = [];

    /// <summary>Messages for other members and, in async mode, for the local workers.</summary>
    public IReadOnlyList<Message> Messages { get; init; } = [];

    /// <summary>False when losing the write in a crash would break no promise, so that fsync may be skipped.</summary>
    public bool MustSync { get; init; }
}
