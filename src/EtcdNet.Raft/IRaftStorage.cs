namespace EtcdNet.Raft;

/// <summary>
/// The stable part of the log, as Raft reads it. Only entries whose append was reported complete may be visible here.
/// Called on the thread that owns the <c>RaftNode</c>; implementations must not do IO in these calls.
/// </summary>
public interface IRaftStorage
{
    /// <summary>State to start from.</summary>
    (HardState HardState, ConfState ConfState) InitialState();

    /// <summary>Index of the first entry that can be read with <see cref="Entries"/>; older ones are in the snapshot.</summary>
    ulong FirstIndex { get; }

    /// <summary>Index of the last entry; <see cref="FirstIndex"/> − 1 when there is none.</summary>
    ulong LastIndex { get; }

    /// <summary>
    /// Entries [<paramref name="low"/>, <paramref name="high"/>) as far as <paramref name="maxBytes"/> of payload allow, at least one.
    /// </summary>
    /// <exception cref="LogCompactedException"><paramref name="low"/> &lt; <see cref="FirstIndex"/>.</exception>
    /// <exception cref="LogUnavailableException"><paramref name="high"/> &gt; <see cref="LastIndex"/> + 1.</exception>
    IReadOnlyList<Entry> Entries(ulong low, ulong high, ulong maxBytes);

    /// <summary>Term of an entry in [<see cref="FirstIndex"/> − 1, <see cref="LastIndex"/>].</summary>
    /// <exception cref="LogCompactedException">The index is before that range.</exception>
    /// <exception cref="LogUnavailableException">The index is after that range.</exception>
    ulong Term(ulong index);

    /// <summary>The newest snapshot, for a member that needs entries which are gone.</summary>
    /// <exception cref="SnapshotTemporarilyUnavailableException">It is being made; ask again later.</exception>
    Snapshot Snapshot();
}

/// <summary>The entry is older than the log's first one.</summary>
public sealed class LogCompactedException() : Exception("requested index is unavailable due to compaction");

/// <summary>The entry is newer than the log's last one.</summary>
public sealed class LogUnavailableException() : Exception("requested entry at index is unavailable");

/// <summary>A snapshot is being made.</summary>
public sealed class SnapshotTemporarilyUnavailableException() : Exception("snapshot is temporarily unavailable");
