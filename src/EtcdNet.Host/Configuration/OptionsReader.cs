using EtcdNet.Host.Logging;
using EtcdNet.Host.Telemetry;
using EtcdNet.Server.Auth;

namespace EtcdNet.Host.Configuration;

/// <summary>Turns the texts of the flags into <see cref="EtcdOptions"/>.</summary>
public static class OptionsReader
{
    private const string DefaultName = "default";
    private const long CompactionBatchDefault = 1000;
    private const long CatchUpEntriesDefault = 5000;
    private static readonly TimeSpan RaftTimeoutMin = TimeSpan.FromSeconds(5);

    /// <summary>Reads <paramref name="values"/>, whose old names are already resolved.</summary>
    /// <exception cref="ConfigurationException">A value is wrong in itself; what depends on others is <see cref="OptionsValidator"/>'s.</exception>
    public static EtcdOptions Read(FlagValues values)
    {
        if (!ZapLevel.TryParse(values.Text("log-level"), out var level)) throw new FormatException("log-level");
        var name = values.Text("name");
        var dataDir = values.Text("data-dir");
        var advertisePeer = values.Urls("initial-advertise-peer-urls");
        return new EtcdOptions
        {
            Name = name,
            DataDir = dataDir.Length > 0 ? dataDir : $"{name}.etcdnet",
            WalDir = values.Text("wal-dir") is { Length: > 0 } walDir ? walDir : null,
            MemoryMlock = values.Bool("memory-mlock"),
            BootstrapDefragThresholdMegabytes = values.Integer("bootstrap-defrag-threshold-megabytes"),
            ListenClientUrls = values.Urls("listen-client-urls"),
            ListenClientHttpUrls = values.Urls("listen-client-http-urls"),
            AdvertiseClientUrls = values.Urls("advertise-client-urls"),
            ListenPeerUrls = values.Urls("listen-peer-urls"),
            InitialAdvertisePeerUrls = advertisePeer,
            ListenMetricsUrls = values.Urls("listen-metrics-urls"),
            DiscoverySrv = DiscoverySrv(values),
            DiscoverySrvName = values.Text("discovery-srv-name"),
            InitialCluster = InitialCluster.Parse(InitialClusterText(values, name, advertisePeer)),
            IsNewCluster = values.Text("initial-cluster-state") == "new",
            ForceNewCluster = values.Bool("force-new-cluster"),
            StrictReconfigCheck = values.Bool("strict-reconfig-check"),
            InitialClusterToken = values.Text("initial-cluster-token"),
            HeartbeatInterval = Milliseconds(values, "heartbeat-interval"),
            ElectionTimeout = Milliseconds(values, "election-timeout"),
            InitialElectionTickAdvance = values.Bool("initial-election-tick-advance"),
            MaxLearners = values.Integer("max-learners"),
            SnapshotCount = (ulong)values.Integer("snapshot-count"),
            SnapshotCatchUpEntries = (ulong)(values.Integer("snapshot-catchup-entries") is var kept && kept == 0 ? CatchUpEntriesDefault : kept),
            DowngradeCheckTime = values.Duration("downgrade-check-time"),
            CompactionBatchLimit = values.Integer("compaction-batch-limit") is var batch && batch == 0 ? CompactionBatchDefault : batch,
            RaftReadTimeout = AtLeast(RaftTimeoutMin, values.Duration("raft-read-timeout")),
            RaftWriteTimeout = AtLeast(RaftTimeoutMin, values.Duration("raft-write-timeout")),
            SocketReusePort = values.Bool("socket-reuse-port"),
            Telemetry = Telemetry(values),
            LogRotation = values.Bool("enable-log-rotation") ? LogRotation.Parse(values.Text("log-rotation-config-json")) : null,
            MaxTxnOps = values.Integer("max-txn-ops"),
            MaxRequestBytes = values.Integer("max-request-bytes"),
            MaxConcurrentStreams = (uint)values.Integer("max-concurrent-streams"),
            GrpcKeepaliveMinTime = values.Duration("grpc-keepalive-min-time"),
            GrpcKeepaliveInterval = values.Duration("grpc-keepalive-interval"),
            GrpcKeepaliveTimeout = values.Duration("grpc-keepalive-timeout"),
            QuotaBackendBytes = values.Integer("quota-backend-bytes"),
            AutoCompaction = CompactionRetention.Parse(values.Text("auto-compaction-mode"), values.Text("auto-compaction-retention")),
            CorruptCheckTime = values.Duration("corrupt-check-time"),
            CompactHashCheckTime = values.Duration("compact-hash-check-time"),
            WatchProgressNotifyInterval = values.Duration("watch-progress-notify-interval"),
            WarningApplyDuration = values.Duration("warning-apply-duration"),
            WarningUnaryRequestDuration = values.Duration("warning-unary-request-duration"),
            AuthToken = AuthToken(values),
            BcryptCost = values.Integer("bcrypt-cost"),
            UnsafeNoFsync = values.Bool("unsafe-no-fsync"),
            PreVote = values.Bool("pre-vote"),
            ExtensiveMetrics = values.Text("metrics") == "extensive",
            EnableGrpcGateway = values.Bool("enable-grpc-gateway"),
            Cors = AllWhenEmpty(values.List("cors")),
            HostWhitelist = AllWhenEmpty(values.List("host-whitelist")),
            LogLevel = level,
            LogFormat = values.Text("log-format") == "console" ? LogFormat.Console : LogFormat.Json,
            LogOutputs = values.List("log-outputs"),
            FeatureGates = FeatureGates.Parse(
                values.Text("feature-gates"),
                FeatureGates.OldFlags.Where(old => values.IsGiven(old.Flag)).ToDictionary(old => old.Flag, old => values.Bool(old.Flag))),
        };
    }

    private static TokenOptions AuthToken(FlagValues values)
    {
        try
        {
            return TokenOptions.Parse(
                values.Text("auth-token"), values.Integer("auth-token-ttl"), static text => GoValue.TryParseDuration(text, out TimeSpan duration) ? duration : null);
        }
        catch (FormatException error)
        {
            throw new ConfigurationException($"--auth-token: {error.Message}");
        }
    }

    /// <summary>As in etcd, a name without an initial cluster means a cluster of this member at its advertised URLs.</summary>
    private static string InitialClusterText(FlagValues values, string name, IReadOnlyList<EtcdUrl> advertised) =>
        values.IsGiven("initial-cluster") || name == DefaultName
            ? values.Text("initial-cluster")
            : string.Join(',', advertised.Select(url => $"{name}={url}"));

    private static string DiscoverySrv(FlagValues values)
    {
        string domain = values.Text("discovery-srv");
        if (domain.Length > 0 && values.IsGiven("initial-cluster"))
            throw new ConfigurationException("multiple discovery or bootstrap flags are set. Choose one of \"initial-cluster\", \"discovery\", \"discovery-endpoints\" or \"discovery-srv\"");
        return domain;
    }

    private static TelemetryOptions Telemetry(FlagValues values) => new()
    {
        Traces = values.Bool("enable-distributed-tracing"),
        Address = values.Text("distributed-tracing-address"),
        ServiceName = values.Text("distributed-tracing-service-name"),
        InstanceId = values.Text("distributed-tracing-instance-id"),
        SamplesPerMillion = (int)Math.Clamp(values.Integer("distributed-tracing-sampling-rate"), int.MinValue, int.MaxValue),
        Metrics = values.Bool("etcdnet-otlp-metrics"),
        MetricsInterval = values.Duration("etcdnet-otlp-metrics-interval"),
        Logs = values.Bool("etcdnet-otlp-logs"),
    };

    /// <summary>As etcd does, without a word.</summary>
    private static TimeSpan AtLeast(TimeSpan min, TimeSpan value) => value < min ? min : value;

    private static TimeSpan Milliseconds(FlagValues values, string name) =>
        TimeSpan.FromMilliseconds(Math.Min(values.Integer(name), int.MaxValue));

    private static HashSet<string> AllWhenEmpty(IReadOnlyList<string> list) =>
        list.Count == 0 ? ["*"] : list.ToHashSet(StringComparer.Ordinal);
}
