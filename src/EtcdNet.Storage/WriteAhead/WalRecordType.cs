namespace EtcdNet.Storage.WriteAhead;

/// <summary>What a frame of the log carries. The numbers are on disk: never reuse one.</summary>
public enum WalRecordType
{
    /// <summary><see cref="WalMetadata"/>. First frame of every segment.</summary>
    Metadata = 1,

    /// <summary>A Raft entry.</summary>
    Entry = 2,

    /// <summary>Term, vote and commit index.</summary>
    HardState = 3,

    /// <summary>The log starts anew behind a snapshot (<see cref="WalSnapshotMark"/>).</summary>
    Snapshot = 4,

    /// <summary>Last frame of a segment that has a successor. Without that successor the log is incomplete.</summary>
    Seal = 5,

    /// <summary>The writer was closed in good order; what stands before it was on disk.</summary>
    Close = 6,
}
