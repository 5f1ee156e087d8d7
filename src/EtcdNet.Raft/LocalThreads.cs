namespace EtcdNet.Raft;

/// <summary>
/// Addresses of the two local workers when <see cref="RaftOptions.AsyncStorageWrites"/> is on. Messages to one address are
/// handled in order. A transport must refuse messages from outside that claim to come from here.
/// </summary>
public static class LocalThreads
{
    /// <summary>Makes entries, hard state and snapshots durable.</summary>
    public const ulong Append = ulong.MaxValue;

    /// <summary>Applies committed entries to the state machine.</summary>
    public const ulong Apply = ulong.MaxValue - 1;

    /// <summary>True when <paramref name="id"/> is one of the two.</summary>
    public static bool Contains(ulong id) => id >= Apply;
}
