using System.Globalization;
using EtcdNet.Host.Configuration;
using EtcdNet.Host.Metrics;
using EtcdNet.Protocol;
using EtcdNet.Server.Metrics;
using EtcdNet.Testing;

namespace EtcdNet.Host.Tests;

public sealed class MetricsTests
{
    private static readonly GrpcMethod Put = new("etcdserverpb.KV", "Put", "unary");
    private static readonly GrpcMethod Watch = new("etcdserverpb.Watch", "Watch", "bidi_stream");

    [Theory]
    [InlineData(0.00039018200000000004, "0.00039018200000000004")]
    [InlineData(1795230232, "1.795230232e+09")]
    [InlineData(2.8435999999999993e-05, "2.8435999999999993e-05")]
    [InlineData(2e-06, "2e-06")]
    [InlineData(20480, "20480")]
    [InlineData(999999, "999999")]
    [InlineData(1000000, "1e+06")]
    [InlineData(5972832, "5.972832e+06")]
    [InlineData(0.14, "0.14")]
    [InlineData(0.0001, "0.0001")]
    [InlineData(-12.5, "-12.5")]
    [InlineData(100, "100")]
    [InlineData(1.8446744073709552e+19, "1.8446744073709552e+19")]
    [InlineData(1e-100, "1e-100")]
    [InlineData(double.PositiveInfinity, "+Inf")]
    [InlineData(double.NaN, "NaN")]
    public void Numbers_are_written_as_go_does(double value, string expected) => Assert.Equal(expected, GoFloat.ToText(value));

    [Fact]
    public void Numbers_read_back_what_was_written()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        for (var i = 0; i < 20_000; i++)
        {
            var value = BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue));
            if (!double.IsFinite(value)) continue;
            var text = GoFloat.ToText(value);
            Assert.True(double.Parse(text, CultureInfo.InvariantCulture).Equals(value), $"seed {seed}: {value:R} → {text}");
        }
    }

    [Fact]
    public void Everything_is_there_with_zeros_and_is_valid()
    {
        var text = Exposition.Of(Whole(out _, extensive: true));
        Assert.Equal(0, text.Samples["etcd_server_has_leader"]);
        Assert.Equal(0, text.Samples["etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.001\"}"]);
        Assert.Equal(0, text.Samples["etcd_disk_wal_fsync_duration_seconds_bucket{le=\"8.192\"}"]);
        Assert.Equal(0, text.Samples["etcd_disk_wal_fsync_duration_seconds_count"]);
        Assert.Equal(0, text.Samples["grpc_server_handled_total{grpc_code=\"Unavailable\",grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}"]);
        Assert.Equal(17, text.Samples.Keys.Count(key => key.StartsWith("grpc_server_handled_total", StringComparison.Ordinal) && key.Contains("\"Put\"", StringComparison.Ordinal)));
        Assert.Equal(0, text.Samples["grpc_server_handling_seconds_count{grpc_method=\"Watch\",grpc_service=\"etcdserverpb.Watch\",grpc_type=\"bidi_stream\"}"]);
        Assert.True(text.Samples["process_resident_memory_bytes"] > 1_000_000);
        Assert.True(text.Samples["process_open_fds"] > 3);
        Assert.True(text.Samples["process_start_time_seconds"] > 1_600_000_000);
        Assert.DoesNotContain("grpc_server_handling_seconds", Exposition.Of(Whole(out _, extensive: false)).Types.Keys);
    }

    [Fact]
    public void Counts_show_up_where_they_belong()
    {
        var registry = Whole(out var grpc, extensive: true, out var metrics);
        metrics.Consensus.HasLeader.Bind(() => 1);
        metrics.Consensus.ServerId.Value = "8e9e05c52164694d";
        metrics.Consensus.ClusterVersion.Value = "3.5";
        metrics.Consensus.ClusterVersion.Value = "3.6";
        metrics.Mvcc.Puts.Add(3);
        metrics.Disk.WalFsync.Observe(0.001);
        metrics.Disk.WalFsync.Observe(TimeSpan.FromSeconds(100));
        metrics.ObserveApply("Put", success: true, TimeSpan.FromMilliseconds(1));
        metrics.CountClientRequest("3.6", stream: false);
        grpc[Put].Started.Add();
        grpc[Put].Handled(GrpcStatus.OK, TimeSpan.FromMilliseconds(7));

        var samples = Exposition.Of(registry).Samples;
        Assert.Equal(1, samples["etcd_server_has_leader"]);
        Assert.Equal(1, samples["etcd_server_id{server_id=\"8e9e05c52164694d\"}"]);
        Assert.Equal(1, samples["etcd_cluster_version{cluster_version=\"3.6\"}"]);
        Assert.DoesNotContain("etcd_cluster_version{cluster_version=\"3.5\"}", samples.Keys);
        Assert.Equal(3, samples["etcd_mvcc_put_total"]);
        Assert.Equal(1, samples["etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.001\"}"]);
        Assert.Equal(1, samples["etcd_disk_wal_fsync_duration_seconds_bucket{le=\"8.192\"}"]);
        Assert.Equal(2, samples["etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"}"]);
        Assert.Equal(2, samples["etcd_disk_wal_fsync_duration_seconds_count"]);
        Assert.Equal(100.001, samples["etcd_disk_wal_fsync_duration_seconds_sum"]);
        Assert.Equal(1, samples["etcd_server_apply_duration_seconds_bucket{op=\"Put\",success=\"true\",version=\"v3\",le=\"0.0016\"}"]);
        Assert.Equal(1, samples["etcd_server_client_requests_total{client_api_version=\"3.6\",type=\"unary\"}"]);
        Assert.Equal(1, samples["grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}"]);
        Assert.Equal(1, samples["grpc_server_handling_seconds_bucket{grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\",le=\"0.01\"}"]);
    }

    [Fact]
    public void Clients_cannot_fill_the_memory_with_version_texts()
    {
        var metrics = new ServerMetrics(new MetricsRegistry());
        for (var i = 0; i < 5_000; i++) metrics.CountClientRequest($"v{i}", stream: true);
        metrics.CountClientRequest(new string('x', 500), stream: true);
        Assert.InRange(metrics.Consensus.ClientRequests.Count, 120, 132);
        Assert.True(metrics.Consensus.ClientRequests.With("unknown", "stream").Value > 4_900);
    }

    [Fact]
    public void Feature_gates_are_told()
    {
        var registry = new MetricsRegistry();
        FeatureGates.Parse("").PublishTo(new ServerMetrics(registry).Consensus.FeatureEnabled);
        var samples = Exposition.Of(registry).Samples;
        Assert.Equal(1, samples["etcd_server_feature_enabled{name=\"TxnModeWriteWithSharedBuffer\",stage=\"BETA\"}"]);
        Assert.Equal(0, samples["etcd_server_feature_enabled{name=\"LeaseCheckpoint\",stage=\"ALPHA\"}"]);
    }

    [Fact]
    public void Label_values_are_escaped()
    {
        var registry = new MetricsRegistry();
        registry.Counters("a_total", "Line\nbreak.", ["x"]).With("q\"b\\n\n").Add();
        Assert.Equal("# HELP a_total Line\\nbreak.\n# TYPE a_total counter\na_total{x=\"q\\\"b\\\\n\\n\"} 1\n", Exposition.TextOf(registry));
    }

    [Fact]
    public void A_name_is_defined_once()
    {
        var registry = new MetricsRegistry();
        registry.Counter("a_total", "A.");
        Assert.Throws<ArgumentException>(() => registry.Gauge("a_total", "A."));
    }

    [Fact]
    public async Task Many_threads_lose_nothing()
    {
        var registry = new MetricsRegistry();
        var plain = registry.Counter("a_total", "A.");
        var striped = registry.Counter("b_total", "B.", striped: true);
        var gauge = registry.Gauge("c", "C.");
        var histogram = registry.Histogram("d", "D.", [1, 2]);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                plain.Add();
                striped.Add(2);
                gauge.Add(1);
                histogram.Observe(1.5);
            }
        })));
        Assert.Equal(80_000, plain.Value);
        Assert.Equal(160_000, striped.Value);
        Assert.Equal(80_000, gauge.Value);
        Assert.Equal(80_000, histogram.Count);
        Assert.Equal(120_000, histogram.Sum);
    }

    [Fact]
    public void Names_types_and_help_are_those_of_etcd()
    {
        var ours = Exposition.Of(Whole(out _, extensive: true));
        var golden = GoldenMetrics();
        foreach (var (name, type) in ours.Types)
        {
            if (name.StartsWith("etcdnet_", StringComparison.Ordinal)) continue;
            Assert.True(golden.Types.TryGetValue(name, out var expected), name);
            Assert.Equal((name, expected, golden.Help[name]), (name, type, ours.Help[name]));
        }
        // Buckets too, wherever etcd shows a histogram without labels.
        foreach (var bucket in golden.Samples.Keys.Where(key => key.Contains("_bucket{le=", StringComparison.Ordinal)))
        {
            if (ours.Types.ContainsKey(bucket[..bucket.IndexOf("_bucket", StringComparison.Ordinal)]))
                Assert.Contains(bucket, ours.Samples.Keys);
        }
    }

    /// <summary>A scrape of etcd 3.6.14: the names, types and help of the metrics that are built.</summary>
    private static Exposition GoldenMetrics() =>
        Exposition.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "metrics-3.6.14.txt")));

    private static MetricsRegistry Whole(out GrpcServerMetrics grpc, bool extensive) => Whole(out grpc, extensive, out _);

    private static MetricsRegistry Whole(out GrpcServerMetrics grpc, bool extensive, out ServerMetrics metrics)
    {
        var registry = new MetricsRegistry();
        metrics = new ServerMetrics(registry);
        grpc = new GrpcServerMetrics(registry, [Put, Watch], extensive);
        ProcessMetrics.Define(registry);
        return registry;
    }
}
