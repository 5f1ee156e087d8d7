using System.Net;
using EtcdNet.Host.Logging;
using EtcdNet.Host.Telemetry;
using Serilog;

namespace EtcdNet.Host.Configuration;

/// <summary>Checks that depend on more than one flag, in etcd's order and words.</summary>
public static class OptionsValidator
{
    private const int ElectionTimeoutMaxMs = 50_000;
    private const long MaxRequestBytesRecommended = 10 * 1024 * 1024;
    private const long MaxRequestBytesMax = Storage.WriteAhead.WalOptions.EntryBytesMaxDefault;
    private const long QuotaBytesRecommended = 8L * 1024 * 1024 * 1024;
    private const int CompactionBatchMax = 1_000_000;
    private const int SamplingRateMax = 1_000_000;
    private static readonly TimeSpan MetricsIntervalMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MetricsIntervalMax = TimeSpan.FromHours(24);
    private static readonly TimeSpan ProgressNotifyMin = TimeSpan.FromMilliseconds(100);

    /// <summary>Throws for what cannot work, logs what is allowed but unwise.</summary>
    /// <exception cref="ConfigurationException">With etcd's text.</exception>
    public static void Validate(EtcdOptions options, ILogger log)
    {
        CheckLogOutputs(options);
        CheckBind(options.ListenPeerUrls);
        CheckBind(options.ListenClientUrls);
        CheckBind(options.ListenClientHttpUrls);
        CheckBind(options.ListenMetricsUrls);
        CheckHosts(options.InitialAdvertisePeerUrls, "--initial-advertise-peer-urls");
        CheckHosts(options.AdvertiseClientUrls, "--advertise-client-urls");
        CheckTimes(options);
        if (options.AdvertiseClientUrls.Count == 0)
            throw new ConfigurationException("--advertise-client-urls is required when --listen-client-urls is set explicitly");
        CheckLimits(options, log);
        CheckTelemetry(options.Telemetry);
        CheckBuilt(options);
        if (options.Name == "default")
            log.With(("name", options.Name)).Warning("it isn't recommended to use default name, please set a value for --name. Note that etcd might run into issue when multiple members have the same default name");
        if (options.UnsafeNoFsync) log.Warning("--unsafe-no-fsync is set: acknowledged writes may be lost when the machine fails");
    }

    private static void CheckBind(IReadOnlyList<EtcdUrl> urls)
    {
        foreach (var url in urls)
        {
            if (url.IsUnix || url.Host == "localhost" || IPAddress.TryParse(url.Host, out _)) continue;
            throw new ConfigurationException($"expected IP in URL for binding ({url})");
        }
    }

    private static void CheckHosts(IReadOnlyList<EtcdUrl> urls, string flag)
    {
        var bad = urls.FirstOrDefault(url => !url.IsUnix && url.Host.Length == 0);
        if (bad is null) return;
        throw new ConfigurationException($"{flag} \"{string.Join(',', urls)}\" must be \"host:port\" (unexpected empty host ({bad}))");
    }

    private static void CheckTimes(EtcdOptions options)
    {
        var heartbeat = (long)options.HeartbeatInterval.TotalMilliseconds;
        var election = (long)options.ElectionTimeout.TotalMilliseconds;
        if (heartbeat == 0) throw new ConfigurationException($"--heartbeat-interval must be >0 (set to {heartbeat}ms)");
        if (election == 0) throw new ConfigurationException($"--election-timeout must be >0 (set to {election}ms)");
        if (5 * heartbeat > election)
            throw new ConfigurationException($"--election-timeout[{election}ms] should be at least as 5 times as --heartbeat-interval[{heartbeat}ms]");
        if (election > ElectionTimeoutMaxMs)
            throw new ConfigurationException($"--election-timeout[{election}ms] is too long, and should be set less than {ElectionTimeoutMaxMs}ms");
    }

    private static void CheckLimits(EtcdOptions options, ILogger log)
    {
        if (options.WatchProgressNotifyInterval < ProgressNotifyMin)
            throw new ConfigurationException($"--watch-progress-notify-interval must be at least {GoValue.FormatDuration(ProgressNotifyMin)} (set to {GoValue.FormatDuration(options.WatchProgressNotifyInterval)})");
        if (options.CompactHashCheckTime <= TimeSpan.Zero)
            throw new ConfigurationException($"--compact-hash-check-time must be >0 (set to {GoValue.FormatDuration(options.CompactHashCheckTime)})");
        if (options.MaxTxnOps is 0 or > int.MaxValue) throw new ConfigurationException($"--max-txn-ops must be >0 and at most {int.MaxValue} (set to {options.MaxTxnOps})");
        if (options.MaxLearners is < 0 or > int.MaxValue) throw new ConfigurationException($"--max-learners must be >=0 and at most {int.MaxValue} (set to {options.MaxLearners})");
        if (options.BcryptCost is < 4 or > 31) throw new ConfigurationException($"--bcrypt-cost must be 4 to 31 (set to {options.BcryptCost})");
        if (options.CompactionBatchLimit is < 0 or > CompactionBatchMax)
            throw new ConfigurationException($"--compaction-batch-limit must be >=0 and at most {CompactionBatchMax} (set to {options.CompactionBatchLimit})");
        if (options.SnapshotCount == 0) throw new ConfigurationException("--snapshot-count must be >0 (set to 0)");
        if (options.MaxConcurrentStreams == 0) throw new ConfigurationException("--max-concurrent-streams must be >0 (set to 0)");
        if (options.MaxRequestBytes is 0 or > MaxRequestBytesMax)
            throw new ConfigurationException($"--max-request-bytes must be >0 and at most {MaxRequestBytesMax}, which the log can hold (set to {options.MaxRequestBytes})");
        foreach (var (flag, value) in new[]
        {
            ("--grpc-keepalive-min-time", options.GrpcKeepaliveMinTime), ("--grpc-keepalive-interval", options.GrpcKeepaliveInterval),
            ("--grpc-keepalive-timeout", options.GrpcKeepaliveTimeout), ("--warning-apply-duration", options.WarningApplyDuration),
            ("--warning-unary-request-duration", options.WarningUnaryRequestDuration), ("--corrupt-check-time", options.CorruptCheckTime),
            ("--downgrade-check-time", options.DowngradeCheckTime),
        })
        {
            if (value < TimeSpan.Zero) throw new ConfigurationException($"{flag} must be >=0 (set to {GoValue.FormatDuration(value)})");
        }
        if (options.MaxRequestBytes > MaxRequestBytesRecommended)
        {
            log.With(("max-request-bytes", options.MaxRequestBytes), ("recommended-request-bytes", MaxRequestBytesRecommended))
                .Warning("exceeded recommended request limit");
        }
        if (options.QuotaBackendBytes > QuotaBytesRecommended)
        {
            log.With(("quota-size-bytes", options.QuotaBackendBytes), ("quota-maximum-size-bytes", QuotaBytesRecommended))
                .Warning("quota exceeds the maximum value");
        }
    }

    private static void CheckTelemetry(TelemetryOptions options)
    {
        if (options.Traces && options.SamplesPerMillion < 0)
            throw new ConfigurationException("distributed tracing configurition is not valid: (tracing sampling rate must be positive)");
        if (options.Traces && options.SamplesPerMillion > SamplingRateMax)
            throw new ConfigurationException($"distributed tracing configurition is not valid: (tracing sampling rate must be less than {SamplingRateMax})");
        if (options.Metrics && (options.MetricsInterval < MetricsIntervalMin || options.MetricsInterval > MetricsIntervalMax))
            throw new ConfigurationException($"--etcdnet-otlp-metrics-interval must be at least {GoValue.FormatDuration(MetricsIntervalMin)} and at most {GoValue.FormatDuration(MetricsIntervalMax)} (set to {GoValue.FormatDuration(options.MetricsInterval)})");
        // etcd finds out when it connects, and tells nobody.
        if (options.Any && !(Uri.TryCreate($"http://{options.Address}/", UriKind.Absolute, out var uri) && uri is { Port: > 0, PathAndQuery: "/", UserInfo: "" }
            && options.Address.LastIndexOf(':') > options.Address.LastIndexOf(']')))
            throw new ConfigurationException($"--distributed-tracing-address must be \"host:port\" (set to \"{options.Address}\")");
    }

    private static void CheckLogOutputs(EtcdOptions options)
    {
        if (options.LogOutputs.Count == 0) throw new ConfigurationException("--log-outputs is empty; use 'stderr', 'stdout' or paths of files");
        if (options.LogOutputs.Count > 1 && options.LogOutputs.Contains("default"))
            throw new ConfigurationException("multi logoutput for \"default\" is not supported yet");
        if (options.LogOutputs.Count > 1 && options.LogOutputs.Contains(ServerLog.Journal))
            throw new ConfigurationException($"running with systemd/journal but other '--log-outputs' values ([{string.Join(' ', options.LogOutputs.Select(output => $"\"{output}\""))}]) are configured with 'default'; override 'default' value with something else");
        if (options.LogRotation is not null && options.LogOutputs.Count(output => !ServerLog.IsStream(output)) != 1)
            throw new ConfigurationException("--log-outputs requires a single file path when --log-rotate-config-json is defined");
    }

    /// <summary>What the flags allow and this release cannot do yet.</summary>
    private static void CheckBuilt(EtcdOptions options)
    {
        IEnumerable<EtcdUrl> listen = [.. options.ListenClientUrls, .. options.ListenClientHttpUrls, .. options.ListenPeerUrls, .. options.ListenMetricsUrls];
        if (listen.FirstOrDefault(url => url.IsTls) is { } secure)
            throw new ConfigurationException($"TLS is not built yet in this release of EtcdNet ({secure})");
    }
}
