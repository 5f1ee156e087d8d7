namespace EtcdNet.Server.Metrics;

/// <summary>etcd's metrics of raft, apply and requests; names, help and buckets are those of etcd 3.6.</summary>
public sealed class ConsensusMetrics(MetricsRegistry registry)
{
    /// <summary>Whether or not a leader exists. 1 is existence, 0 is not.</summary>
    public Gauge HasLeader { get; } = registry.Gauge("etcd_server_has_leader",
            "Whether or not a leader exists. 1 is existence, 0 is not.");

    /// <summary>Whether or not this member is a leader. 1 if is, 0 otherwise.</summary>
    public Gauge IsLeader { get; } = registry.Gauge("etcd_server_is_leader",
            "Whether or not this member is a leader. 1 if is, 0 otherwise.");

    /// <summary>Whether or not this member is a learner. 1 if is, 0 otherwise.</summary>
    public Gauge IsLearner { get; } = registry.Gauge("etcd_server_is_learner",
            "Whether or not this member is a learner. 1 if is, 0 otherwise.");

    /// <summary>Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.</summary>
    public InfoGauge ServerId { get; } = registry.Info("etcd_server_id",
            "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.", "server_id");

    /// <summary>Which version is running. 1 for 'server_version' label with current version.</summary>
    public InfoGauge ServerVersion { get; } = registry.Info("etcd_server_version",
            "Which version is running. 1 for 'server_version' label with current version.", "server_version");

    /// <summary>Which version is running. 1 for 'cluster_version' label with current cluster version.</summary>
    public InfoGauge ClusterVersion { get; } = registry.Info("etcd_cluster_version",
            "Which version is running. 1 for 'cluster_version' label with current cluster version", "cluster_version");

    /// <summary>The number of leader changes seen.</summary>
    public Counter LeaderChangesSeen { get; } = registry.Counter("etcd_server_leader_changes_seen_total",
            "The number of leader changes seen.");

    /// <summary>The total number of leader heartbeat send failures (likely overloaded from slow disk).</summary>
    public Counter HeartbeatSendFailures { get; } = registry.Counter("etcd_server_heartbeat_send_failures_total",
            "The total number of leader heartbeat send failures (likely overloaded from slow disk).");

    /// <summary>The total number of consensus proposals committed.</summary>
    public Gauge ProposalsCommitted { get; } = registry.Gauge("etcd_server_proposals_committed_total",
            "The total number of consensus proposals committed.");

    /// <summary>The total number of consensus proposals applied.</summary>
    public Gauge ProposalsApplied { get; } = registry.Gauge("etcd_server_proposals_applied_total",
            "The total number of consensus proposals applied.");

    /// <summary>The current number of pending proposals to commit.</summary>
    public Gauge ProposalsPending { get; } = registry.Gauge("etcd_server_proposals_pending",
            "The current number of pending proposals to commit.");

    /// <summary>The total number of failed proposals seen.</summary>
    public Counter ProposalsFailed { get; } = registry.Counter("etcd_server_proposals_failed_total",
            "The total number of failed proposals seen.");

    /// <summary>The total number of failed read indexes seen.</summary>
    public Counter ReadIndexesFailed { get; } = registry.Counter("etcd_server_read_indexes_failed_total",
            "The total number of failed read indexes seen.");

    /// <summary>The total number of pending read indexes not in sync with leader's or timed out read index requests.</summary>
    public Counter SlowReadIndexes { get; } = registry.Counter("etcd_server_slow_read_indexes_total",
            "The total number of pending read indexes not in sync with leader's or timed out read index requests.");

    /// <summary>The total number of slow apply requests (likely overloaded from slow disk).</summary>
    public Counter SlowApplies { get; } = registry.Counter("etcd_server_slow_apply_total",
            "The total number of slow apply requests (likely overloaded from slow disk).");

    /// <summary>Reads that took too long; etcd counts them among the slow applies, and so do we.</summary>
    public Counter SlowReads { get; } = registry.Counter("etcdnet_slow_reads_total",
            "Reads that took longer than --warning-apply-duration.");

    /// <summary>1 if the server is applying the incoming snapshot. 0 if none.</summary>
    public Gauge SnapshotApplyInProgress { get; } = registry.Gauge("etcd_server_snapshot_apply_in_progress_total",
            "1 if the server is applying the incoming snapshot. 0 if none.");

    /// <summary>The latency distributions of v2 apply called by backend.</summary>
    public MetricFamily<Histogram> ApplyDuration { get; } = registry.Histograms("etcd_server_apply_duration_seconds",
            "The latency distributions of v2 apply called by backend.", Buckets.Request, ["op", "success", "version"]);

    /// <summary>The latency distributions of txn.Range.</summary>
    public MetricFamily<Histogram> RangeDuration { get; } = registry.Histograms("etcd_server_range_duration_seconds",
            "The latency distributions of txn.Range", Buckets.Request, ["success"]);

    /// <summary>The total number of client requests per client version.</summary>
    public MetricFamily<Counter> ClientRequests { get; } = registry.Counters("etcd_server_client_requests_total",
            "The total number of client requests per client version.", ["client_api_version", "type"]);

    /// <summary>Learners that became voters while this member was leader.</summary>
    public Counter LearnerPromotions { get; } = registry.Counter("etcd_server_learner_promote_successes",
            "The total number of successful learner promotions while this member is leader.");

    /// <summary>Learners that did not become voters, by the code of the refusal (etcd: by its text).</summary>
    public MetricFamily<Counter> LearnerPromotionFailures { get; } = registry.Counters("etcd_server_learner_promote_failures",
            "The total number of failed learner promotions (likely learner not ready) while this member is leader.", ["Reason"]);

    /// <summary>What the server runs on, where etcd tells its Go version.</summary>
    public InfoGauge RuntimeVersion { get; } = registry.Info("etcd_server_go_version",
            "Which Go version server is running with. 1 for 'server_go_version' label with current version.", "server_go_version");

    /// <summary>Current backend storage quota size in bytes.</summary>
    public Gauge QuotaBackendBytes { get; } = registry.Gauge("etcd_server_quota_backend_bytes",
            "Current backend storage quota size in bytes.");

    /// <summary>Whether or not a feature is enabled. 1 is enabled, 0 is not.</summary>
    public MetricFamily<Gauge> FeatureEnabled { get; } = registry.Gauges("etcd_server_feature_enabled",
            "Whether or not a feature is enabled. 1 is enabled, 0 is not.", ["name", "stage"]);
}
