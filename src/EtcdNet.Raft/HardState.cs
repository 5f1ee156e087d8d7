namespace EtcdNet.Raft;

/// <summary>
/// What a member must never forget (Raft paper §5.1, figure 2). Term and vote are on disk before any message
/// that depends on them leaves; commit may lag behind.
/// </summary>
/// <param name="Term">Latest term seen.</param>
/// <param name="Vote">Member voted for in <paramref name="Term"/>, 0 for none.</param>
/// <param name="Commit">Highest index known to be committed.</param>
public readonly record struct HardState(ulong Term, ulong Vote, ulong Commit)
{
    /// <summary>True before anything was ever stored.</summary>
    public bool IsEmpty => Term == 0 && Vote == 0 && Commit == 0;
}
