namespace EtcdNet.Storage;

/// <summary>What an operator can do when a member refuses to start: the one place where it is said.</summary>
public static class DamageAdvice
{
    /// <summary>For damage.</summary>
    public const string Text =
        "No data was removed. Check the disk; then restore this member's data directory from a backup, or restore a snapshot, "
        + "or remove the member from its cluster and add it again with an empty data directory, so that it gets the data from the leader";

    /// <summary>For files of another release.</summary>
    public const string OtherVersion = "Use the release that wrote it";
}
