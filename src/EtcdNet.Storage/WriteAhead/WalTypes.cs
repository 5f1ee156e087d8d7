using EtcdNet.Raft;

namespace EtcdNet.Storage.WriteAhead;

/// <summary>Whose log it is.</summary>
public readonly record struct WalMetadata(ulong MemberId, ulong ClusterId);

/// <summary>Everything up to this entry is in a checkpoint; the next entry is <paramref name="Index"/> + 1.</summary>
public readonly record struct WalSnapshotMark(ulong Index, ulong Term);

/// <summary>Settings of the log.</summary>
public sealed record WalOptions
{
    /// <summary>Smallest possible <see cref="SegmentBytes"/>.</summary>
    public const int SegmentBytesMin = 4096;

    /// <summary>Default of <see cref="SegmentBytes"/>: 64 MiB.</summary>
    public const int SegmentBytesDefault = 64 << 20;

    /// <summary>What an entry may have in a log of the default size, with some room to spare: an entry lies in one segment.</summary>
    public const int EntryBytesMaxDefault = SegmentBytesDefault - 1024;

    /// <summary>Size of one segment file. At least <see cref="SegmentBytesMin"/>.</summary>
    public int SegmentBytes { get; init; } = SegmentBytesDefault;

    /// <summary>Make the next segment on a background thread when half of one is used. Off for deterministic runs.</summary>
    public bool PrepareAhead { get; init; } = true;

    /// <summary>--unsafe-no-fsync: never sync entries. Loses acknowledged writes at a power cut; only for measurements.</summary>
    public bool UnsafeNoSync { get; init; }

    /// <summary>Told about every sync, or null.</summary>
    public IWalObserver? Observer { get; init; }
}

/// <summary>For metrics. Called on the writer's thread; must be quick and must not throw.</summary>
public interface IWalObserver
{
    /// <summary>One group commit reached the disk.</summary>
    /// <param name="syncTicks">Length of the fdatasync, in <see cref="System.Diagnostics.Stopwatch"/> ticks.</param>
    /// <param name="bytes">Bytes written before it.</param>
    void OnSync(long syncTicks, long bytes);

    /// <summary>The bytes of a group commit were handed to the kernel.</summary>
    /// <param name="writeTicks">Length of the write, in <see cref="System.Diagnostics.Stopwatch"/> ticks.</param>
    void OnWrite(long writeTicks)
    {
    }
}

/// <summary>What a log holds after it was read.</summary>
public sealed class WalContents
{
    /// <summary>Whose log it is.</summary>
    public required WalMetadata Metadata { get; init; }

    /// <summary>Last stored hard state.</summary>
    public required HardState HardState { get; init; }

    /// <summary>Entries without a gap, from <see cref="FirstIndex"/> on. Those below the asked index were not kept.</summary>
    public required IReadOnlyList<Entry> Entries { get; init; }

    /// <summary>Index of the first entry of <see cref="Entries"/>, or the next index when there is none.</summary>
    public required ulong FirstIndex { get; init; }

    /// <summary>Index of the last entry in the log.</summary>
    public ulong LastIndex => FirstIndex + (ulong)Entries.Count - 1;

    /// <summary>The file that the log ends in, with its path.</summary>
    public required string EndFile { get; init; }

    /// <summary>Where in it the log ends, in bytes.</summary>
    public required long EndOffset { get; init; }

    /// <summary>Bytes of an unfinished batch that were cut off the end; 0 after a clean stop.</summary>
    public required long TornBytes { get; init; }
}
