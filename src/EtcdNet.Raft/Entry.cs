namespace EtcdNet.Raft;

/// <summary>What an <see cref="Entry"/> carries. Numbers are those of raftpb.EntryType.</summary>
public enum EntryType
{
    /// <summary>A request for the state machine, or nothing (the first entry of a term).</summary>
    Normal = 0,

    /// <summary>A change of one member (raftpb.ConfChange).</summary>
    ConfChange = 1,

    /// <summary>A change of several members, possibly through a joint configuration (raftpb.ConfChangeV2).</summary>
    ConfChangeV2 = 2,
}

/// <summary>One slot of the replicated log (Raft paper §5.3).</summary>
/// <param name="Type">How to read <paramref name="Data"/>.</param>
/// <param name="Term">Term of the leader that appended it.</param>
/// <param name="Index">Position in the log; the first entry ever has index 1.</param>
/// <param name="Data">Opaque to Raft. Never changed after the entry was made.</param>
public readonly record struct Entry(EntryType Type, ulong Term, ulong Index, ReadOnlyMemory<byte> Data)
{
    /// <summary>Term and index, which together name an entry uniquely (log matching, Raft paper §5.3).</summary>
    public EntryId Id => new(Term, Index);
}

/// <summary>Names an entry: two entries with equal ids are equal, and so is everything before them.</summary>
public readonly record struct EntryId(ulong Term, ulong Index);
