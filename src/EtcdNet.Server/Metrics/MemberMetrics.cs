using System.Diagnostics;
using System.Globalization;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Server.Metrics;

/// <summary>Connects the metrics of etcd to where this server knows the values. What is read at a scrape costs requests nothing.</summary>
public static class MemberMetrics
{
    /// <summary>Binds everything that a member knows.</summary>
    public static void Bind(ServerMetrics metrics, RunningMember member)
    {
        BindConsensus(metrics.Consensus, member);
        // Most requests of a cluster come from clients of one version, but those of the gateway name none.
        metrics.Consensus.ClientRequests.With("unknown", "unary");
        metrics.Consensus.ClientRequests.With("unknown", "stream");
        BindStore(metrics.Mvcc, member);
        BindWatches(metrics.Mvcc, member);
        BindLeases(metrics.Lease, member);
        metrics.Lease.AuthRevision.Bind(() => member.Machine.Auth.View.Revision);
        member.Housekeeping.Compacted = new CompactionMetrics(metrics.Mvcc).OnSlice;
        var applied = new ApplyMetrics(metrics, member.SlowApply, member.Log);
        member.ApplyObserver = applied;
        metrics.Consensus.SlowApplies.Bind(() => member.SlowApplies + applied.SlowTotal + metrics.Consensus.SlowReads.Value);
        member.Snapshots.Sent = metrics.Disk.BackendSnapshot.Observe;
        // A checkpoint is both what etcd calls a commit of the backend and what it calls a snapshot.
        member.Checkpointed = took =>
        {
            metrics.Disk.BackendCommit.Observe(took);
            metrics.Disk.SnapSave.Observe(took);
        };
    }

    /// <summary>Feeds the metrics of the write-ahead log.</summary>
    public static IWalObserver WalObserver(DiskMetrics metrics) => new WalMetrics(metrics);

    private static void BindConsensus(ConsensusMetrics metrics, RunningMember member)
    {
        metrics.HasLeader.Bind(() => member.Status.Current.Leader != 0 ? 1 : 0);
        metrics.IsLeader.Bind(() => member.Status.Current.IsLeader ? 1 : 0);
        metrics.IsLearner.Bind(() => member.Status.Current.IsLearner ? 1 : 0);
        metrics.ServerId.Value = member.Status.Current.MemberId.ToString("x", CultureInfo.InvariantCulture);
        metrics.ServerVersion.Value = EtcdVersion.Server;
        metrics.RuntimeVersion.Value = $"dotnet{Environment.Version}";
        metrics.ProposalsCommitted.Bind(() => member.Status.Current.CommitIndex);
        metrics.ProposalsApplied.Bind(() => member.Status.Current.AppliedIndex);
        metrics.ProposalsPending.Bind(() => member.PendingProposalCount);
        metrics.LeaderChangesSeen.Bind(() => member.LeaderChanges);
        metrics.ProposalsFailed.Bind(() => member.ProposalsFailed);
        metrics.ReadIndexesFailed.Bind(() => member.ReadGate.Failed);
        metrics.SlowReadIndexes.Bind(() => member.ReadGate.Slow);
        metrics.QuotaBackendBytes.Bind(() => Math.Max(0, member.Quota.QuotaBytes));
        metrics.ClusterVersion.Bind(() => ClusterVersion(member.Machine.Members.ClusterVersion));
    }

    // Major and minor, as etcd labels it; nothing before the members have agreed on one.
    private static string ClusterVersion(string agreed) =>
        Version.TryParse(agreed, out Version? version) ? version.ToString(2) : "";

    private static void BindStore(MvccMetrics metrics, RunningMember member)
    {
        StateMachine.Mvcc.MvccStore store = member.Machine.Store;
        metrics.DbSize.Bind(() => member.Backend.SizeInBytes);
        metrics.DbSizeInUse.Bind(() => member.Backend.SizeInUseInBytes);
        metrics.Puts.Bind(() => store.PutTotal);
        metrics.Deletes.Bind(() => store.DeleteTotal);
        metrics.Ranges.Bind(() => store.RangeTotal);
        metrics.Txns.Bind(() => store.TxnTotal);
        metrics.PutSize.Bind(() => store.PutBytesTotal);
        metrics.Keys.Bind(() => store.LiveKeys);
        metrics.CurrentRevision.Bind(() => store.CurrentRevision);
        metrics.CompactRevision.Bind(() => store.CompactRevision);
        metrics.CompactedKeys.Bind(() => member.Machine.Compactor.ReleasedTotal);
    }

    private static void BindWatches(MvccMetrics metrics, RunningMember member)
    {
        metrics.Watchers.Bind(() => member.WatchHub.WatcherTotal);
        metrics.WatchStreams.Bind(() => member.WatchHub.WatchStreamTotal);
        metrics.SlowWatchers.Bind(() => member.WatchHub.SlowWatcherTotal);
        metrics.PendingEvents.Bind(() => member.WatchHub.PendingEventsTotal);
        metrics.Events.Bind(() => member.WatchHub.EventsTotal);
    }

    private static void BindLeases(LeaseMetrics metrics, RunningMember member)
    {
        metrics.LeasesGranted.Bind(() => member.Leases.GrantedTotal);
        metrics.LeasesRevoked.Bind(() => member.Leases.RevokedTotal);
        metrics.LeasesRenewed.Bind(() => member.Leases.RenewedTotal);
        metrics.LeasesExpired.Bind(() => member.Leases.ExpiredTotal);
    }

    /// <summary>Slices of a compaction, on the applier's thread.</summary>
    private sealed class CompactionMetrics(MvccMetrics metrics)
    {
        private TimeSpan _total;

        public void OnSlice(TimeSpan took, bool last)
        {
            _total += took;
            metrics.CompactionPause.Observe(took.TotalMilliseconds);
            if (!last)
                return;
            metrics.CompactionTotal.Observe(_total.TotalMilliseconds);
            metrics.LastCompaction.Set(DateTimeOffset.UtcNow.ToUnixTimeSeconds());
            _total = TimeSpan.Zero;
        }
    }

    private sealed class WalMetrics(DiskMetrics metrics) : IWalObserver
    {
        public void OnWrite(long writeTicks) => metrics.WalWrite.Observe(writeTicks / (double)Stopwatch.Frequency);

        public void OnSync(long syncTicks, long bytes)
        {
            metrics.WalFsync.Observe(syncTicks / (double)Stopwatch.Frequency);
            metrics.WalWriteBytes.Add(bytes);
        }
    }
}
