using EtcdNet.Raft;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// Keeps in memory what a follower that is a little behind may need, and no more: by number as etcd does, and by bytes,
/// since entries of 1 MiB are as good as any. One that is further behind gets a snapshot. A member without others keeps next
/// to nothing: the next member to be added is new and gets a snapshot anyway. Applier's thread.
/// </summary>
internal sealed class EntryTrimmer(EntryLog entries, ConsensusState state, ulong catchUpEntries, ulong slack, long catchUpBytes = long.MaxValue)
{
    private const long AloneBytesMax = 4L << 20;

    /// <summary>The limit in bytes with these members.</summary>
    public static long BytesMax(ConfState configuration, long catchUpBytes) =>
        configuration is { Voters.Count: 1, VotersOutgoing.Count: 0, Learners.Count: 0 } ? Math.Min(AloneBytesMax, catchUpBytes) : catchUpBytes;

    /// <summary>Drops what is older, when that is worth it.</summary>
    public void Trim()
    {
        ulong entriesMax = catchUpEntries + slack;
        long bytesMax = BytesMax(state.AppliedConfiguration, catchUpBytes);
        // Raft looks through entries that it does not know to be applied, for configuration changes for instance.
        ulong applied = Math.Min(state.AppliedIndex, state.ReportedIndex);
        if (applied > entries.FirstIndex + entriesMax || entries.Bytes > bytesMax)
            entries.Trim(applied, catchUpEntries + (entries.LastIndex - applied), bytesMax / 2);
    }
}
