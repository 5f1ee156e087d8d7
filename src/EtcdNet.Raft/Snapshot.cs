namespace EtcdNet.Raft;

/// <summary>Where a snapshot stands in the log, and the configuration at that point.</summary>
public sealed record SnapshotMetadata(ConfState ConfState, ulong Index, ulong Term)
{
    /// <summary>The snapshot of an empty log.</summary>
    public static SnapshotMetadata Empty { get; } = new(new ConfState(), 0, 0);
}

/// <summary>The state machine at <see cref="Metadata"/> (Raft paper §7). <see cref="Data"/> is opaque to Raft.</summary>
public sealed record Snapshot(SnapshotMetadata Metadata, ReadOnlyMemory<byte> Data)
{
    /// <summary>No snapshot.</summary>
    public static Snapshot Empty { get; } = new(SnapshotMetadata.Empty, ReadOnlyMemory<byte>.Empty);

    /// <summary>True for <see cref="Empty"/> and its like.</summary>
    public bool IsEmpty => Metadata.Index == 0;
}
