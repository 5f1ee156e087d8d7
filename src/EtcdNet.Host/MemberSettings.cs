using EtcdNet.Host.Configuration;
using EtcdNet.Server;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Host;

/// <summary>What of the options concerns the member itself.</summary>
internal static class MemberSettings
{
    public static MemberOptions From(EtcdOptions options) => new()
    {
        Name = options.Name,
        DataDirectory = options.DataDir,
        PeerUrls = [.. options.InitialAdvertisePeerUrls.Select(url => url.Text)],
        ClientUrls = [.. options.AdvertiseClientUrls.Select(url => url.Text)],
        ClusterToken = options.InitialClusterToken,
        HeartbeatInterval = options.HeartbeatInterval,
        ElectionTimeout = options.ElectionTimeout,
        PreVote = options.PreVote,
        QuotaBytes = options.QuotaBackendBytes,
        LeaseCheckpoints = options.FeatureGates.Enabled["LeaseCheckpoint"],
        AutoCompactionPeriod = options.AutoCompaction.Period,
        AutoCompactionRevisions = options.AutoCompaction.Revisions,
        TxnOpsMax = checked((int)options.MaxTxnOps),
        Proposals = new ProposerLimits
        {
            RequestBytesMax = checked((int)options.MaxRequestBytes),
            RequestTimeout = TimeSpan.FromSeconds(5) + (2 * options.ElectionTimeout),
        },
        SnapshotCount = options.SnapshotCount,
        WatchProgressInterval = options.WatchProgressNotifyInterval,
        SlowApply = options.WarningApplyDuration,
        UnsafeNoSync = options.UnsafeNoFsync,
    };
}
