using EtcdNet.Host.Configuration;
using EtcdNet.Server;
using EtcdNet.Server.Consensus;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Host;

/// <summary>What of the options concerns the member itself.</summary>
internal static class MemberSettings
{
    /// <param name="options">The options.</param>
    /// <param name="cluster">Members of a new cluster.</param>
    /// <param name="joins">Who the member is in the cluster that it joins; null for one that goes on, or founds its cluster.</param>
    public static MemberOptions From(EtcdOptions options, InitialCluster cluster, WalMetadata? joins) => new()
    {
        Joins = joins,
        InitialCluster = [.. cluster.Members.Values.Select(static urls => (IReadOnlyList<string>)[.. urls.Select(static url => url.Text)])],
        ForceNewCluster = options.ForceNewCluster,
        StrictReconfigurationCheck = options.StrictReconfigCheck,
        InitialCorruptCheck = options.FeatureGates.Enabled["InitialCorruptCheck"],
        CorruptCheckInterval = options.CorruptCheckTime,
        CompactHashCheckInterval = options.FeatureGates.Enabled["CompactHashCheck"] ? options.CompactHashCheckTime : TimeSpan.Zero,
        MaxLearners = checked((int)options.MaxLearners),
        Name = options.Name,
        DataDirectory = options.DataDir,
        LogDirectory = options.WalDir,
        PeerUrls = [.. options.InitialAdvertisePeerUrls.Select(url => url.Text)],
        ClientUrls = [.. options.AdvertiseClientUrls.Select(url => url.Text)],
        ClusterToken = options.InitialClusterToken,
        HeartbeatInterval = options.HeartbeatInterval,
        ElectionTimeout = options.ElectionTimeout,
        ElectionTickAdvance = options.InitialElectionTickAdvance,
        PreVote = options.PreVote,
        DefragmentAtStartMegabytes = options.BootstrapDefragThresholdMegabytes,
        QuotaBytes = options.QuotaBackendBytes,
        LeaseCheckpoints = options.FeatureGates.Enabled["LeaseCheckpoint"],
        AutoCompactionPeriod = options.AutoCompaction.Period,
        AutoCompactionRevisions = options.AutoCompaction.Revisions,
        CompactionBatch = checked((int)options.CompactionBatchLimit),
        StopServingOnDefragmentation = options.FeatureGates.Enabled["StopGRPCServiceOnDefrag"],
        TxnOpsMax = checked((int)options.MaxTxnOps),
        Proposals = new ProposerLimits
        {
            RequestBytesMax = checked((int)options.MaxRequestBytes),
            PriorityRequests = options.FeatureGates.Enabled["PriorityRequest"],
            RequestTimeout = TimeSpan.FromSeconds(5) + (2 * options.ElectionTimeout),
        },
        AuthToken = options.AuthToken,
        BcryptCost = checked((int)options.BcryptCost),
        SnapshotCount = options.SnapshotCount,
        CatchUpEntries = options.SnapshotCatchUpEntries,
        DowngradeCheckInterval = options.DowngradeCheckTime,
        WatchProgressInterval = options.WatchProgressNotifyInterval,
        SlowApply = options.WarningApplyDuration,
        UnsafeNoSync = options.UnsafeNoFsync,
    };
}
