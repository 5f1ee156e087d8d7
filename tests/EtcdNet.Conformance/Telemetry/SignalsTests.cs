using EtcdNet.Protocol.Otlp;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using static EtcdNet.Conformance.Telemetry.OtlpReceiver;

namespace EtcdNet.Conformance.Telemetry;

/// <summary>The metrics and the log, sent to a collector.</summary>
public sealed class SignalsTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Metrics_are_those_of_a_scrape()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var server = await ServerProcess.StartAsync(
            ServerTarget.EtcdNet, null, "--distributed-tracing-address", receiver.Address, "--distributed-tracing-service-name", "tested",
            "--etcdnet-otlp-metrics", "--etcdnet-otlp-metrics-interval", "1s");
        using var client = new EtcdClient(server.ClientUrl);
        for (int i = 0; i < 3; i++)
            await client.PutAsync("a", "1");
        await Deadline.UntilAsync(() => Task.FromResult(Latest(receiver) is { } all && all["etcd_mvcc_put_total"].Sum.DataPoints[0].AsDouble >= 3), s_limit);
        Dictionary<string, Metric> metrics = Latest(receiver)!;
        Assert.True(metrics["etcd_mvcc_put_total"].Sum.IsMonotonic);
        Assert.Equal(AggregationTemporality.Cumulative, metrics["etcd_mvcc_put_total"].Sum.AggregationTemporality);
        Assert.Equal(1, metrics["etcd_server_has_leader"].Gauge.DataPoints[0].AsDouble);

        HistogramDataPoint fsync = metrics["etcd_disk_wal_fsync_duration_seconds"].Histogram.DataPoints[0];
        Assert.Equal(14, fsync.ExplicitBounds.Count);
        Assert.Equal(0.001, fsync.ExplicitBounds[0]);
        Assert.Equal(15, fsync.BucketCounts.Count);
        Assert.True(fsync.Count >= 3);
        Assert.Equal((long)fsync.Count, fsync.BucketCounts.Sum(count => (long)count));
        Assert.True(fsync.Sum > 0);
        Assert.InRange(fsync.TimeUnixNano, fsync.StartTimeUnixNano, ulong.MaxValue);

        NumberDataPoint put = metrics["grpc_server_handled_total"].Sum.DataPoints.Single(point =>
            Attributes(point.Attributes) is var labels && labels["grpc_method"] == "Put" && labels["grpc_code"] == "OK");
        Assert.Equal(3, put.AsDouble);
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        var names = (await http.GetStringAsync("/metrics")).Split('\n').Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal)).Select(line => line.Split(' ')[2]);
        Assert.Empty(names.Except(Latest(receiver)!.Keys));
        Assert.Equal("tested", Attributes(receiver.Metrics.First().ResourceMetrics[0].Resource.Attributes)["service.name"]);
        // Nobody asked for them.
        Assert.Empty(receiver.Traces);
        Assert.Empty(receiver.Logs);
    }

    [Fact]
    public async Task Every_line_of_the_log_is_a_record()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var server = await ServerProcess.StartAsync(
            ServerTarget.EtcdNet, null, "--distributed-tracing-address", receiver.Address, "--distributed-tracing-instance-id", "m1", "--etcdnet-otlp-logs");
        await server.TerminateAsync();
        var lines = server.Log.Split('\n').Where(line => line.StartsWith('{')).Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement).ToArray();
        // What the flags themselves have to say is said before the log is open, and what comes after the last sending is lost.
        int first = Array.FindIndex(lines, line => line.GetProperty("msg").GetString() == "starting an etcd server");
        var records = receiver.Records;
        Assert.Equal(
            lines[first..(first + records.Count)].Select(line => line.GetProperty("msg").GetString()), records.Select(record => record.Body.StringValue));
        LogRecord start = records[0];
        Assert.Equal((9, "info"), (start.SeverityNumber, start.SeverityText));
        var fields = Attributes(start.Attributes);
        Assert.Equal("host/Daemon.cs", fields["caller"]);
        Assert.Equal("default", fields["name"]);
        Assert.Contains(records, record => record.Body.StringValue.StartsWith("received signal", StringComparison.Ordinal));
        Assert.Equal("m1", Attributes(receiver.Logs.First().ResourceLogs[0].Resource.Attributes)["service.instance.id"]);
    }

    private static Dictionary<string, Metric>? Latest(OtlpReceiver receiver) =>
        receiver.Metrics.LastOrDefault()?.ResourceMetrics[0].ScopeMetrics[0].Metrics.ToDictionary(metric => metric.Name);
}
