using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// Keeps in memory what a follower that is a little behind may need, and no more; one that is further behind gets a
/// snapshot. Applier's thread.
/// </summary>
internal sealed class EntryTrimmer(EntryLog entries, ConsensusState state, ulong catchUpEntries, ulong slack)
{
    /// <summary>Drops what is older, when that is worth it.</summary>
    public void Trim()
    {
        // Raft looks through entries that it does not know to be applied, for configuration changes for instance.
        ulong applied = Math.Min(state.AppliedIndex, state.ReportedIndex);
        if (applied > entries.FirstIndex + catchUpEntries + slack)
            entries.Compact(applied - catchUpEntries);
    }
}
