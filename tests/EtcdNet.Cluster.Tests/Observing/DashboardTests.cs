using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Cluster.Tests.Observing;

/// <summary>
/// What the known dashboards ask (etcd's own "etcd by Prometheus", Pigsty's "etcd overview") and the alerts of etcd's mixin, asked of a
/// real Prometheus that scrapes three members: every panel has data.
/// </summary>
public sealed class DashboardTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(120);

    /// <summary>Panel and question. A question about three members has three answers unless it sums them up.</summary>
    private static readonly (string Panel, string Expression, int Answers)[] s_panels =
    [
        // etcd by Prometheus
        ("Up", "sum(etcd_server_has_leader)", 1),
        ("RPC rate", "sum(rate(grpc_server_started_total{grpc_type='unary'}[1m]))", 1),
        ("RPC failed rate", "sum(rate(grpc_server_handled_total{grpc_type='unary',grpc_code!='OK'}[1m]))", 1),
        ("Watch streams", Streams("Watch"), 1),
        ("Lease streams", Streams("Lease"), 1),
        ("DB size", "etcd_mvcc_db_total_size_in_bytes", 3),
        ("WAL fsync", Quantile("etcd_disk_wal_fsync_duration_seconds"), 3),
        ("DB fsync", "sum by (instance) (etcd_disk_backend_commit_duration_seconds_bucket)", 3),
        ("Memory", "process_resident_memory_bytes", 3),
        ("Client traffic in", "rate(etcd_network_client_grpc_received_bytes_total[1m])", 3),
        ("Client traffic out", "rate(etcd_network_client_grpc_sent_bytes_total[1m])", 3),
        ("Peer traffic in", "sum by (instance) (rate(etcd_network_peer_received_bytes_total[1m]))", 3),
        ("Peer traffic out", "sum by (instance) (rate(etcd_network_peer_sent_bytes_total[1m]))", 3),
        ("Failed proposals", "sum(rate(etcd_server_proposals_failed_total[1m]))", 1),
        ("Pending proposals", "sum(etcd_server_proposals_pending)", 1),
        ("Committed proposals", "sum(rate(etcd_server_proposals_committed_total[1m]))", 1),
        ("Applied proposals", "sum(rate(etcd_server_proposals_applied_total[1m]))", 1),
        ("Leader elections", "changes(etcd_server_leader_changes_seen_total[1d])", 3),
        ("Peer round trip time", Quantile("etcd_network_peer_round_trip_time_seconds"), 3),

        // etcd overview: what it asks besides
        ("Cluster version", "count by (cluster_version) (etcd_cluster_version)", 1),
        ("Member version", "count by (server_version) (etcd_server_version)", 1),
        ("Member ids", "etcd_server_id", 3),
        ("Leader", "etcd_server_is_leader == 1", 1),
        ("Learners", "etcd_server_is_learner", 3),
        ("Quota usage", "etcd_mvcc_db_total_size_in_bytes / etcd_server_quota_backend_bytes", 3),
        ("In use", "etcd_mvcc_db_total_size_in_use_in_bytes / etcd_mvcc_db_total_size_in_bytes", 3),
        ("Revision", "etcd_debugging_mvcc_current_revision", 3),
        ("Compacted revision", "etcd_debugging_mvcc_compact_revision", 3),
        ("Last compaction", "etcd_debugging_mvcc_db_compaction_last", 3),
        ("Keys", "etcd_debugging_mvcc_keys_total", 3),
        ("Events", "rate(etcd_debugging_mvcc_events_total[1m])", 3),
        ("Puts", "rate(etcd_mvcc_put_total[1m])", 3),
        ("Deletions", "rate(etcd_mvcc_delete_total[1m])", 3),
        ("Ranges", "rate(etcd_mvcc_range_total[1m])", 3),
        ("Clients", "sum by (instance) (rate(etcd_server_client_requests_total[1m]))", 3),

        // the mixin's alerts: the sides of their comparisons
        ("Slow RPCs", "sum by (instance) (rate(grpc_server_handling_seconds_bucket{grpc_type='unary',grpc_method!='Defragment'}[1m]))", 3),
        ("Failed RPCs", "sum by (instance, grpc_service, grpc_method) (rate(grpc_server_handled_total{grpc_method='Put'}[1m]))", 3),
        ("Growth", "predict_linear(etcd_mvcc_db_total_size_in_bytes[1m], 14400)", 3),
    ];

    [Fact]
    public async Task Every_panel_has_data()
    {
        await using ProcessCluster cluster = await ProcessCluster.OnLoopbackAsync(3, "--metrics", "extensive");
        await using var prometheus = new PrometheusServer(cluster.Members.Select(static member => member.Server.Endpoint));
        using var stop = new CancellationTokenSource();
        Task load = Task.WhenAll(cluster.Members.Select(member => WriteAsync(member.Server.ClientUrl, stop.Token)));
        string[] without = [];
        try
        {
            await Deadline.UntilAsync(async () => (without = await WithoutDataAsync(prometheus)).Length == 0, s_limit);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"no data in: {string.Join("; ", without)}");
        }
        await stop.CancelAsync();
        await load;
    }

    private static async Task<string[]> WithoutDataAsync(PrometheusServer prometheus)
    {
        var without = new List<string>();
        foreach ((string panel, string expression, int answers) in s_panels)
        {
            double[]? found = await prometheus.QueryAsync(expression);
            if (found is null || found.Length != answers || found.Any(double.IsNaN))
                without.Add($"{panel}: {(found is null ? "no server" : string.Join(' ', found))}");
        }
        return [.. without];
    }

    /// <summary>One request after the other, so that there is something to show.</summary>
    private static async Task WriteAsync(Uri server, CancellationToken stop)
    {
        using var client = new EtcdClient(server);
        for (int i = 0; !stop.IsCancellationRequested; i++)
        {
            await client.PutAsync($"k{i % 10}", $"{i}");
            await client.RangeAsync($"k{i % 10}");
        }
    }

    private static string Streams(string service) =>
        $"sum(grpc_server_started_total{{grpc_service='etcdserverpb.{service}',grpc_type='bidi_stream'}})"
        + $" - sum(grpc_server_handled_total{{grpc_service='etcdserverpb.{service}',grpc_type='bidi_stream'}})";

    private static string Quantile(string histogram) => $"histogram_quantile(0.99, sum by (instance, le) (rate({histogram}_bucket[1m])))";
}
