namespace EtcdNet.Raft;

/// <summary>
/// What members, and a member's own workers, say to each other. Immutable; the meaning of the fields depends on
/// <see cref="Type"/> and is that of raftpb.Message.
/// </summary>
public sealed class Message
{
    /// <summary>What it is about.</summary>
    public MessageType Type { get; init; }

    /// <summary>Receiver: a member id or one of <see cref="LocalThreads"/>.</summary>
    public ulong To { get; init; }

    /// <summary>Sender, 0 for the caller of this node.</summary>
    public ulong From { get; init; }

    /// <summary>Term of the sender (for votes: of the election); 0 for local messages and forwarded requests.</summary>
    public ulong Term { get; init; }

    /// <summary>Term of the entry at <see cref="Index"/>, or of the reject hint.</summary>
    public ulong LogTerm { get; init; }

    /// <summary>App: index before the entries. AppResp: matched index. Vote: last index. ReadIndexResp: the read index.</summary>
    public ulong Index { get; init; }

    /// <summary>The entries carried.</summary>
    public IReadOnlyList<Entry> Entries { get; init; } = [];

    /// <summary>The sender's commit index as far as it concerns the receiver.</summary>
    public ulong Commit { get; init; }

    /// <summary>StorageAppend only: the vote to make durable together with <see cref="Term"/> and <see cref="Commit"/>.</summary>
    public ulong Vote { get; init; }

    /// <summary>Snap, StorageAppend, StorageAppendResp: the snapshot.</summary>
    public Snapshot? Snapshot { get; init; }

    /// <summary>An answer that says no.</summary>
    public bool Reject { get; init; }

    /// <summary>The highest index at which the logs could still match.</summary>
    public ulong RejectHint { get; init; }

    /// <summary>Heartbeat: the read it confirms. Vote: the reason of the campaign.</summary>
    public ReadOnlyMemory<byte> Context { get; init; }

    /// <summary>StorageAppend, StorageApply: to be delivered, in order, when the work is done (durable or applied).</summary>
    public IReadOnlyList<Message> Responses { get; init; } = [];

    /// <summary>StorageAppend: the hard state to write; empty when it does not change.</summary>
    public HardState HardState => new(Term, Vote, Commit);

    internal Message Forward(ulong from, ulong to, ulong term) => new()
    {
        Type = Type, To = to, From = From == 0 ? from : From, Term = term, LogTerm = LogTerm, Index = Index, Entries = Entries,
        Commit = Commit, Snapshot = Snapshot, Reject = Reject, RejectHint = RejectHint, Context = Context,
    };

    /// <inheritdoc/>
    public override string ToString() => Describe.Message(this);
}
