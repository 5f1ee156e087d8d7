using EtcdNet.StateMachine;

namespace EtcdNet.Storage.Checkpoints;

/// <summary>A point to start from: the state machine's image and the part of the revision store that belongs to it.</summary>
public sealed record Checkpoint
{
    /// <summary>Grows by one with each checkpoint of a data directory.</summary>
    public required ulong Sequence { get; init; }

    /// <summary>Number of the store's directory; a snapshot from the leader begins a new one.</summary>
    public required ulong Generation { get; init; }

    /// <summary>Where that directory is.</summary>
    public required string StoreDirectory { get; init; }

    /// <summary>What the state machine has to remember.</summary>
    public required StateImage Image { get; init; }

    /// <summary>First log address that is still part of the store.</summary>
    public required long BeginAddress { get; init; }

    /// <summary>Log address behind the last record.</summary>
    public required long TailAddress { get; init; }

    /// <summary>log2 of the store's page size.</summary>
    public required int PageBits { get; init; }

    /// <summary>log2 of the store's file size.</summary>
    public required int SegmentBits { get; init; }

    /// <summary>Bytes of records that were not released.</summary>
    public required long LiveBytes { get; init; }

    /// <summary>
    /// It came from the leader: it is durable before the log says that it starts anew behind it, and may therefore be ahead
    /// of a log whose member was stopped in between. Any other checkpoint ahead of the log means that the log has lost something.
    /// </summary>
    public bool IsInstall { get; init; }

    /// <summary>CRC-32C register of every page from the one of <see cref="BeginAddress"/> to the one of <see cref="TailAddress"/>.</summary>
    public required IReadOnlyList<uint> PageSums { get; init; }
}
