using EtcdNet.Storage.Faster;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Storage;

/// <summary>Settings of everything a member stores.</summary>
public sealed record MemberFilesOptions
{
    /// <summary>Entries kept in memory behind a checkpoint for followers that lag (etcd's --snapshot-catchup-entries: 5000).</summary>
    public ulong CatchUpEntries { get; init; } = 5000;

    /// <summary>Directory of the log when it is not in the data directory (<c>--wal-dir</c>); null: it is.</summary>
    public string? LogDirectory { get; init; }

    /// <summary>The write-ahead log.</summary>
    public WalOptions Wal { get; init; } = new();

    /// <summary>The revision store.</summary>
    public FasterOptions Faster { get; init; } = new();
}
