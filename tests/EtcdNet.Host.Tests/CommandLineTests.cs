using System.Text.Json;
using EtcdNet.Host.Configuration;

namespace EtcdNet.Host.Tests;

public sealed class CommandLineTests
{
    [Fact]
    public void Without_flags_the_defaults_are_those_of_etcd()
    {
        var options = Starter.Run().Options;
        Assert.Equal("default", options.Name);
        Assert.Equal("default.etcdnet", options.DataDir);
        Assert.Equal("http://localhost:2379", Assert.Single(options.ListenClientUrls).Text);
        Assert.Equal("http://localhost:2379", Assert.Single(options.AdvertiseClientUrls).Text);
        Assert.Equal("http://localhost:2380", Assert.Single(options.ListenPeerUrls).Text);
        Assert.Equal("default=http://localhost:2380", options.InitialCluster.ToString());
        Assert.Empty(options.ListenMetricsUrls);
        Assert.Equal(10_000UL, options.SnapshotCount);
        Assert.Equal(128, options.MaxTxnOps);
        Assert.Equal(1_572_864, options.MaxRequestBytes);
        Assert.Equal(uint.MaxValue, options.MaxConcurrentStreams);
        Assert.Equal(10, options.ElectionTicks);
        Assert.Equal(2L << 30, options.EffectiveQuotaBytes);
        Assert.Equal(TimeSpan.FromHours(2), options.GrpcKeepaliveInterval);
        Assert.Equal(TimeSpan.FromMilliseconds(100), options.WarningApplyDuration);
        Assert.True(options.PreVote);
        Assert.False(options.UnsafeNoFsync || options.ExtensiveMetrics);
        Assert.True(options.FeatureGates.Enabled["TxnModeWriteWithSharedBuffer"]);
    }

    [Theory]
    [InlineData("--name", "a")]
    [InlineData("-name", "a")]
    [InlineData("--name=a")]
    [InlineData("-name=a")]
    [InlineData("--name=b", "--name", "a")]
    public void Values_come_in_every_form_and_the_last_one_counts(params string[] args)
    {
        var options = Starter.Run(args).Options;
        Assert.Equal("a", options.Name);
        Assert.Equal("a.etcdnet", options.DataDir);
        Assert.Equal("a=http://localhost:2380", options.InitialCluster.ToString());
    }

    [Theory]
    [InlineData("--pre-vote", true)]
    [InlineData("-pre-vote=false", false)]
    [InlineData("--pre-vote=0", false)]
    [InlineData("--pre-vote=T", true)]
    public void Booleans_take_a_value_only_after_an_equals_sign(string argument, bool expected)
    {
        Assert.Equal(expected, Starter.Run(argument).Options.PreVote);
    }

    [Theory]
    [InlineData("flag provided but not defined: -nope", "--nope")]
    [InlineData("flag provided but not defined: -enable-v2", "--enable-v2")]
    [InlineData("flag needs an argument: -cors", "--cors")]
    [InlineData("bad flag syntax: ---name", "---name")]
    [InlineData("invalid boolean value \"3\" for -version: parse error", "--version=3")]
    [InlineData("invalid value \"abc\" for flag -election-timeout: parse error", "--election-timeout", "abc")]
    [InlineData("invalid value \"-1\" for flag -heartbeat-interval: parse error", "--heartbeat-interval", "-1")]
    [InlineData("invalid value \"4294967296\" for flag -max-concurrent-streams: value out of range", "--max-concurrent-streams=4294967296")]
    [InlineData("invalid value \"5\" for flag -grpc-keepalive-min-time: parse error", "--grpc-keepalive-min-time", "5")]
    [InlineData("invalid value \"foo\" for flag -initial-cluster-state: invalid value", "--initial-cluster-state", "foo")]
    [InlineData("invalid value \"foo\" for flag -listen-client-urls: URL scheme must be http, https, unix, or unixs: foo", "--listen-client-urls", "foo")]
    public void A_wrong_flag_prints_gos_text_and_the_usage_and_ends_with_2(string message, params string[] args)
    {
        var run = Starter.Run(args);
        Assert.Equal(2, run.Result.ExitCode);
        Assert.Null(run.Result.Options);
        Assert.StartsWith(message, run.Error, StringComparison.Ordinal);
        Assert.Contains("Usage:", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Out);
    }

    [Theory]
    [InlineData("\"extra\" is not a valid command line flag", "extra")]
    [InlineData("--advertise-client-urls is required when --listen-client-urls is set explicitly", "--listen-client-urls", "http://127.0.0.1:1")]
    [InlineData("expected IP in URL for binding (http://foo.bar:1)", "--listen-peer-urls", "http://foo.bar:1")]
    [InlineData("expected IP in URL for binding (http://:1)", "--listen-metrics-urls", "http://:1")]
    [InlineData("--initial-advertise-peer-urls \"http://:1\" must be \"host:port\" (unexpected empty host (http://:1))", "--initial-advertise-peer-urls", "http://:1")]
    [InlineData("--election-timeout[100ms] should be at least as 5 times as --heartbeat-interval[100ms]", "--election-timeout", "100")]
    [InlineData("--election-timeout[50001ms] is too long, and should be set less than 50000ms", "--election-timeout", "50001")]
    [InlineData("--heartbeat-interval must be >0 (set to 0ms)", "--heartbeat-interval", "0")]
    [InlineData("--max-request-bytes must be >0 and at most 67107840, which the log can hold (set to 67107841)", "--max-request-bytes", "67107841")]
    [InlineData("--bcrypt-cost must be 4 to 31 (set to 3)", "--bcrypt-cost", "3")]
    [InlineData("--bcrypt-cost must be 4 to 31 (set to 32)", "--bcrypt-cost", "32")]
    [InlineData("--auth-token: unknown token type \"basic\": it must be simple or jwt", "--auth-token", "basic")]
    [InlineData("--auth-token: JWT pub-key or priv-key is missing", "--auth-token", "jwt,sign-method=RS256")]
    [InlineData("unrecognized feature gate: Nope", "--feature-gates", "Nope=true")]
    [InlineData("missing bool value for LeaseCheckpoint", "--feature-gates", "LeaseCheckpoint")]
    [InlineData("distributed tracing configurition is not valid: (tracing sampling rate must be positive)", "--enable-distributed-tracing", "--distributed-tracing-sampling-rate=-1")]
    [InlineData("distributed tracing configurition is not valid: (tracing sampling rate must be less than 1000000)", "--enable-distributed-tracing", "--distributed-tracing-sampling-rate=1000001")]
    [InlineData("--distributed-tracing-address must be \"host:port\" (set to \"http://a:1\")", "--enable-distributed-tracing", "--distributed-tracing-address=http://a:1")]
    [InlineData("--distributed-tracing-address must be \"host:port\" (set to \"collector\")", "--etcdnet-otlp-logs", "--distributed-tracing-address=collector")]
    [InlineData("--distributed-tracing-address must be \"host:port\" (set to \"[::1]\")", "--etcdnet-otlp-metrics", "--distributed-tracing-address=[::1]")]
    [InlineData("--etcdnet-otlp-metrics-interval must be at least 1s and at most 24h0m0s (set to 10ms)", "--etcdnet-otlp-metrics", "--etcdnet-otlp-metrics-interval=10ms")]
    [InlineData("--compaction-batch-limit must be >=0 and at most 1000000 (set to -1)", "--compaction-batch-limit=-1")]
    [InlineData("--downgrade-check-time must be >=0 (set to -1s)", "--downgrade-check-time=-1s")]
    [InlineData("cannot specify both flags: --experimental-enable-lease-checkpoint=(true|false) and --feature-gates=LeaseCheckpoint=(true|false) at the same time, please just use --feature-gates=LeaseCheckpoint=(true|false)", "--feature-gates=LeaseCheckpoint=true", "--experimental-enable-lease-checkpoint")]
    [InlineData("error parsing CompactionRetention: time: invalid duration \"1x\"", "--auto-compaction-retention", "1x")]
    [InlineData("--auto-compaction-retention must not be negative (-5h)", "--auto-compaction-retention=-5h")]
    [InlineData("enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint", "--feature-gates=LeaseCheckpointPersist=true")]
    [InlineData("error setting up initial cluster: empty URL given for \"a\"", "--initial-cluster", "a=")]
    [InlineData("TLS is not built yet in this release of EtcdNet (https://127.0.0.1:1)", "--listen-peer-urls", "https://127.0.0.1:1")]
    [InlineData("--watch-progress-notify-interval must be at least 100ms (set to 5ms)", "--watch-progress-notify-interval", "5ms")]
    [InlineData("open /nonexistent: no such file or directory", "--config-file", "/nonexistent")]
    public void Other_errors_are_logged_as_json_and_end_with_1(string message, params string[] args)
    {
        var run = Starter.Run(args);
        Assert.Equal(1, run.Result.ExitCode);
        Assert.Null(run.Result.Options);
        var line = JsonDocument.Parse(run.Error.TrimEnd().Split('\n')[^1]).RootElement;
        Assert.Equal("warn", line.GetProperty("level").GetString());
        Assert.Equal("failed to verify flags", line.GetProperty("msg").GetString());
        Assert.Equal(message, line.GetProperty("error").GetString());
    }

    [Theory]
    [InlineData("http://localhost:2380", null)]
    [InlineData("http://127.0.0.1:2380,http://[::1]:2380,http://0.0.0.0:2380,http://[::]:2380", null)]
    [InlineData("http://node.example:2380,http://10:2380,unix://10.0.0.1:2380", null)]
    [InlineData("http://127.0.0.9:2380,http://10.0.0.7:2380,http://10.0.0.8:2380", "10.0.0.7")]
    [InlineData("http://a.example:2380,http://[fd00::1]:2380", "fd00::1")]
    [InlineData("https://10.0.0.7:2380,http://10.0.0.8:2380", "10.0.0.8")] // sorted, as in etcd
    public void The_gate_SetMemberLocalAddr_takes_the_first_address_that_others_can_see(string advertised, string? local)
    {
        string[] urls = ["--initial-advertise-peer-urls", advertised];
        Assert.Equal(local, Starter.Run([.. urls, "--feature-gates=SetMemberLocalAddr=true"]).Options.PeerLocalAddress?.ToString());
        Assert.Equal(local, Starter.Run([.. urls, "--feature-gates=AllAlpha=true"]).Options.PeerLocalAddress?.ToString());
        Assert.Null(Starter.Run(urls).Options.PeerLocalAddress);
    }

    [Fact]
    public void Telemetry_is_off_by_default_and_its_flags_have_old_names()
    {
        var off = Starter.Run("--distributed-tracing-sampling-rate=-1", "--distributed-tracing-address=nonsense").Options.Telemetry;
        Assert.False(off.Any);
        var options = Starter.Run(
            "--experimental-enable-distributed-tracing", "--experimental-distributed-tracing-address=[::1]:4317", "--experimental-distributed-tracing-service-name=s",
            "--experimental-distributed-tracing-instance-id=i", "--experimental-distributed-tracing-sampling-rate=7").Options.Telemetry;
        Assert.Equal(new() { Traces = true, Address = "[::1]:4317", ServiceName = "s", InstanceId = "i", SamplesPerMillion = 7 }, options);
    }

    [Fact]
    public void What_has_no_effect_is_warned_of_with_the_reason()
    {
        var run = Starter.Run("--max-wals=3", "--enable-pprof");
        Assert.NotNull(run.Result.Options);
        Assert.Contains("\"flag-name\":\"max-wals\",\"reason\":\"Files of the log are removed", run.Error, StringComparison.Ordinal);
        Assert.Contains("\"flag-name\":\"enable-pprof\",\"reason\":\"There is no Go runtime", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Flags_of_limits_and_sockets_are_read()
    {
        var options = Starter.Run("--snapshot-catchup-entries=7", "--downgrade-check-time=0s", "--socket-reuse-port", "--socket-reuse-address",
            "--compaction-batch-limit=0", "--raft-read-timeout=1s", "--raft-write-timeout=7s", "--experimental-stop-grpc-service-on-defrag",
            "--feature-gates=PriorityRequest=true", "--experimental-txn-mode-write-with-shared-buffer=false").Options;
        Assert.Equal(7UL, options.SnapshotCatchUpEntries);
        Assert.Equal(5000UL, Starter.Run("--snapshot-catchup-entries=0").Options.SnapshotCatchUpEntries);
        Assert.Equal(TimeSpan.Zero, options.DowngradeCheckTime);
        Assert.True(options.SocketReusePort);
        Assert.Equal(1000, options.CompactionBatchLimit);
        Assert.Equal((TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(7)), (options.RaftReadTimeout, options.RaftWriteTimeout));
        Assert.True(options.FeatureGates.Enabled["StopGRPCServiceOnDefrag"]);
        Assert.True(options.FeatureGates.Enabled["PriorityRequest"]);
        Assert.False(options.FeatureGates.Enabled["TxnModeWriteWithSharedBuffer"]);
    }

    [Fact]
    public void Version_is_read_by_tools_from_the_first_line()
    {
        var run = Starter.Run("--version");
        Assert.Equal(0, run.Result.ExitCode);
        Assert.Null(run.Result.Options);
        var lines = run.Out.TrimEnd().Split('\n');
        Assert.Equal("etcd Version: 3.6.14", lines[0]);
        Assert.StartsWith("EtcdNet Version: ", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("Git SHA: ", lines[2], StringComparison.Ordinal);
        Assert.StartsWith("Runtime: .NET ", lines[3], StringComparison.Ordinal);
        Assert.StartsWith("OS/Arch: ", lines[4], StringComparison.Ordinal);
        Assert.Empty(run.Error);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    [InlineData("-help")]
    public void Help_goes_to_stdout_and_ends_with_0(string argument)
    {
        var run = Starter.Run(argument);
        Assert.Equal(0, run.Result.ExitCode);
        Assert.Null(run.Result.Options);
        Assert.Contains("  --data-dir '${name}.etcdnet'", run.Out, StringComparison.Ordinal);
        Assert.Empty(run.Error);
    }

    [Fact]
    public void Environment_is_used_and_said()
    {
        var run = Starter.RunWith(new() { ["ETCD_NAME"] = "e", ["ETCD_QUOTA_BACKEND_BYTES"] = "-1", ["PATH"] = "/" });
        Assert.Equal("e", run.Options.Name);
        Assert.Null(run.Options.EffectiveQuotaBytes);
        Assert.Contains("\"msg\":\"recognized and used environment variable\"", run.Error, StringComparison.Ordinal);
        Assert.Contains("\"variable-name\":\"ETCD_NAME\"", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("PATH", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("")]
    public void Flag_and_variable_together_are_fatal_even_when_the_variable_is_empty(string value)
    {
        var run = Starter.RunWith(new() { ["ETCD_NAME"] = value }, "--name", "a");
        Assert.Equal(1, run.Result.ExitCode);
        Assert.Contains("\"level\":\"fatal\"", run.Error, StringComparison.Ordinal);
        Assert.Contains("\"msg\":\"conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag)\"", run.Error, StringComparison.Ordinal);
        Assert.Contains("\"environment-variable\":\"ETCD_NAME\"", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_and_removed_variables_are_only_warned_of()
    {
        var run = Starter.RunWith(new() { ["ETCD_ROOT_PASSWORD"] = "secret", ["ETCD_ENABLE_V2"] = "true", ["ETCD_VERSION"] = "v3.6.1", ["ETCDCTL_API"] = "3" });
        Assert.NotNull(run.Result.Options);
        Assert.Equal(2, run.Error.Split("unrecognized environment variable").Length - 1);
        Assert.Contains("ETCD_VERSION", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("ETCDCTL_API", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_variable_is_named()
    {
        var run = Starter.RunWith(new() { ["ETCD_PRE_VOTE"] = "x" });
        Assert.Equal(1, run.Result.ExitCode);
        Assert.Contains("invalid value \\\"x\\\" for ETCD_PRE_VOTE: parse error", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Client_urls_from_the_environment_need_advertised_ones_too()
    {
        var run = Starter.RunWith(new() { ["ETCD_LISTEN_CLIENT_URLS"] = "http://127.0.0.1:1" });
        Assert.Equal(1, run.Result.ExitCode);
        Assert.Contains("--advertise-client-urls is required", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Old_names_work_with_a_warning_and_the_new_name_wins()
    {
        var old = Starter.Run("--experimental-watch-progress-notify-interval=3s");
        Assert.Equal(TimeSpan.FromSeconds(3), old.Options.WatchProgressNotifyInterval);
        Assert.Contains("\"use-instead\":\"watch-progress-notify-interval\"", old.Error, StringComparison.Ordinal);

        var both = Starter.Run("--experimental-watch-progress-notify-interval=3s", "--watch-progress-notify-interval=4s");
        Assert.Equal(TimeSpan.FromSeconds(4), both.Options.WatchProgressNotifyInterval);
    }

    [Fact]
    public void Ignored_names_need_no_value_and_are_warned_of()
    {
        var run = Starter.Run("--snapshot", "-v", "--name", "a");
        Assert.Equal("a", run.Options.Name);
        Assert.Contains("\"flag-name\":\"snapshot\"", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Url_lists_are_sorted_and_hold_each_url_once()
    {
        var options = Starter.Run("--listen-client-urls", "http://127.0.0.1:3, http://127.0.0.1:1,http://127.0.0.1:3", "--advertise-client-urls=http://a:1").Options;
        Assert.Equal(["http://127.0.0.1:1", "http://127.0.0.1:3"], options.ListenClientUrls.Select(url => url.Text));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 0, "--auto-compaction-retention", "0")]
    [InlineData(86_400, 0, "--auto-compaction-retention", "24")]
    [InlineData(5_400, 0, "--auto-compaction-retention", "1h30m")]
    [InlineData(0, 1000, "--auto-compaction-retention", "1000", "--auto-compaction-mode", "revision")]
    [InlineData(0, 2000, "--auto-compaction-retention", "2us", "--auto-compaction-mode", "revision")]
    public void Retention_is_time_or_revisions(int seconds, long revisions, params string[] args)
    {
        CompactionRetention retention = Starter.Run(args).Options.AutoCompaction;
        Assert.Equal((TimeSpan.FromSeconds(seconds), revisions), (retention.Period, retention.Revisions));
    }

    [Fact]
    public void Lease_checkpoints_have_a_gate_and_an_old_flag()
    {
        Assert.False(Starter.Run().Options.FeatureGates.Enabled["LeaseCheckpoint"]);
        Assert.True(Starter.Run("--feature-gates=LeaseCheckpoint=true,LeaseCheckpointPersist=true").Options.FeatureGates.Enabled["LeaseCheckpointPersist"]);
        Assert.True(Starter.Run("--experimental-enable-lease-checkpoint").Options.FeatureGates.Enabled["LeaseCheckpoint"]);
        Assert.False(Starter.Run("--feature-gates=FastLeaseKeepAlive=false").Options.FeatureGates.Enabled["FastLeaseKeepAlive"]);
    }
}
