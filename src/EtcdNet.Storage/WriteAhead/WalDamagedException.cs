namespace EtcdNet.Storage.WriteAhead;

/// <summary>
/// The log is not what was acknowledged: something that had reached the disk is changed or missing. Starting anyway could
/// lose an acknowledged write or a vote, so it is refused.
/// </summary>
public sealed class WalDamagedException(string file, long offset, string found)
    : Exception($"write-ahead log {file} is damaged at offset {offset}: {found}. Records that had been written completely follow or are missing, "
        + "so this is no interrupted write. Check the disk; then restore this member's data directory from a backup, "
        + "or remove the member from the cluster, empty its data directory and add it again so that it gets the data from the leader")
{
    /// <summary>The file.</summary>
    public string File { get; } = file;

    /// <summary>Where in it, in bytes.</summary>
    public long Offset { get; } = offset;
}
