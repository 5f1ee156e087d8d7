using EtcdNet.Raft;

namespace EtcdNet.Server.Consensus;

/// <summary>What the loop is asked to do; see the factory methods.</summary>
internal readonly struct RaftInput
{
    private RaftInput(RaftInputKind kind, object? subject, ulong number, ReadOnlyMemory<byte> data)
    {
        Kind = kind;
        Subject = subject;
        Number = number;
        Data = data;
    }

    public RaftInputKind Kind { get; }

    public object? Subject { get; }

    public ulong Number { get; }

    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>Append a request to the log.</summary>
    public static RaftInput Proposal(ulong id, ReadOnlyMemory<byte> data) => new(RaftInputKind.Proposal, null, id, data);

    /// <summary>A message of a peer, or the outcome of storage work of this member.</summary>
    public static RaftInput Message(Message message) => new(RaftInputKind.Message, message, 0, default);

    /// <summary>Confirm leadership for a read round.</summary>
    public static RaftInput ReadIndex(ulong round) => new(RaftInputKind.ReadIndex, null, round, default);

    /// <summary>The applier has applied a configuration change.</summary>
    public static RaftInput ConfChangeApplied(ConfChangeV2 change) => new(RaftInputKind.ConfChangeApplied, change, 0, default);

    /// <summary>Propose a configuration change.</summary>
    public static RaftInput ConfChange(ulong id, EntryType type, ReadOnlyMemory<byte> change) => new(RaftInputKind.ConfChange, type, id, change);

    /// <summary>Look at the node, or make it do something, between two messages.</summary>
    public static RaftInput Run(Action<RaftNode> work) => new(RaftInputKind.Run, work, 0, default);

    /// <summary>A peer did not get a message.</summary>
    public static RaftInput Unreachable(ulong peer) => new(RaftInputKind.Unreachable, null, peer, default);

    /// <summary>A peer's process has ended.</summary>
    public static RaftInput Gone(ulong peer) => new(RaftInputKind.Gone, null, peer, default);

    /// <summary>How sending a snapshot to a peer went.</summary>
    public static RaftInput SnapshotSent(ulong peer, bool ok) => new(ok ? RaftInputKind.SnapshotSent : RaftInputKind.SnapshotFailed, null, peer, default);

    /// <summary>Hand leadership over.</summary>
    public static RaftInput Transfer(ulong to) => new(RaftInputKind.Transfer, null, to, default);

    /// <summary>Everything that was committed when the member started is applied.</summary>
    public static RaftInput CaughtUp() => new(RaftInputKind.CaughtUp, null, 0, default);
}

internal enum RaftInputKind
{
    Proposal,
    Message,
    ReadIndex,
    ConfChangeApplied,
    ConfChange,
    Unreachable,
    Gone,
    SnapshotSent,
    SnapshotFailed,
    Transfer,
    CaughtUp,
    Run,
}
