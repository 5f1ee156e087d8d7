using EtcdNet.Testing.Processes;

namespace EtcdNet.Cluster.Tests.Observing;

/// <summary>
/// The metrics that known dashboards and alerts ask for, with their types and labels, as a member shows them before it had anything to
/// do: a rate over a series that begins with its first event misses that event.
/// </summary>
public sealed class KnownMetricsTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private static readonly TheoryData<string, string, string> s_known = new()
    {
        { "etcd_cluster_version", "gauge", "cluster_version" },
        { "etcd_debugging_mvcc_compact_revision", "gauge", "" },
        { "etcd_debugging_mvcc_current_revision", "gauge", "" },
        { "etcd_debugging_mvcc_db_compaction_last", "gauge", "" },
        { "etcd_debugging_mvcc_events_total", "counter", "" },
        { "etcd_debugging_mvcc_keys_total", "gauge", "" },
        { "etcd_disk_backend_commit_duration_seconds", "histogram", "" },
        { "etcd_disk_wal_fsync_duration_seconds", "histogram", "" },
        { "etcd_mvcc_db_total_size_in_bytes", "gauge", "" },
        { "etcd_mvcc_db_total_size_in_use_in_bytes", "gauge", "" },
        { "etcd_mvcc_delete_total", "counter", "" },
        { "etcd_mvcc_put_total", "counter", "" },
        { "etcd_mvcc_range_total", "counter", "" },
        { "etcd_network_client_grpc_received_bytes_total", "counter", "" },
        { "etcd_network_client_grpc_sent_bytes_total", "counter", "" },
        { "etcd_network_peer_received_bytes_total", "counter", "From" },
        { "etcd_network_peer_round_trip_time_seconds", "histogram", "To" },
        { "etcd_network_peer_sent_bytes_total", "counter", "To" },
        { "etcd_server_client_requests_total", "counter", "client_api_version,type" },
        { "etcd_server_has_leader", "gauge", "" },
        { "etcd_server_id", "gauge", "server_id" },
        { "etcd_server_is_leader", "gauge", "" },
        { "etcd_server_is_learner", "gauge", "" },
        { "etcd_server_leader_changes_seen_total", "counter", "" },
        { "etcd_server_proposals_applied_total", "gauge", "" },
        { "etcd_server_proposals_committed_total", "gauge", "" },
        { "etcd_server_proposals_failed_total", "counter", "" },
        { "etcd_server_proposals_pending", "gauge", "" },
        { "etcd_server_quota_backend_bytes", "gauge", "" },
        { "etcd_server_version", "gauge", "server_version" },
        { "grpc_server_handled_total", "counter", "grpc_code,grpc_method,grpc_service,grpc_type" },
        { "grpc_server_handling_seconds", "histogram", "grpc_method,grpc_service,grpc_type" },
        { "grpc_server_started_total", "counter", "grpc_method,grpc_service,grpc_type" },
        { "process_resident_memory_bytes", "gauge", "" },
    };

    [Fact]
    public async Task They_are_there_from_the_start()
    {
        // Healthy means that each member has answered Status: there was one kind of client, and one method was called.
        await using ProcessCluster cluster = await ProcessCluster.OnLoopbackAsync(3, "--metrics", "extensive");
        string text = "";
        using var http = new HttpClient { BaseAddress = cluster.Members[0].Server.ClientUrl };
        // A member measures its way to the others a little after it has found them.
        await Deadline.UntilAsync(
            async () => (text = await http.GetStringAsync("/metrics")).Contains("\netcd_network_peer_round_trip_time_seconds_count{", StringComparison.Ordinal), s_limit);
        string[] lines = text.Split('\n');
        foreach (object[] row in s_known)
        {
            (string name, string type, string labels) = ((string)row[0], (string)row[1], (string)row[2]);
            Assert.Contains($"# TYPE {name} {type}", lines);
            string sample = type == "histogram" ? $"{name}_count" : name;
            string[] series = [.. lines.Where(line => line.StartsWith(sample + (labels.Length > 0 ? "{" : " "), StringComparison.Ordinal))];
            Assert.NotEmpty(series);
            Assert.All(series, line => Assert.Equal(labels, string.Join(',', LabelsOf(line))));
        }
        foreach (string name in new[] { "etcd_mvcc_put_total", "etcd_mvcc_delete_total", "etcd_server_proposals_failed_total", "etcd_server_proposals_pending" })
            Assert.Contains($"{name} 0", lines);
        string put = "grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"";
        Assert.Contains($"grpc_server_started_total{{{put}}} 0", lines);
        Assert.Contains($"grpc_server_handling_seconds_count{{{put}}} 0", lines);
        Assert.Equal(17, lines.Count(line => line.StartsWith("grpc_server_handled_total{", StringComparison.Ordinal) && line.EndsWith($",{put}}} 0", StringComparison.Ordinal)));
        Assert.Equal(2, lines.Count(line => line.StartsWith("etcd_network_peer_sent_bytes_total{", StringComparison.Ordinal)));
    }

    private static string[] LabelsOf(string line)
    {
        int open = line.IndexOf('{', StringComparison.Ordinal);
        return open < 0 ? [] : [.. line[(open + 1)..line.LastIndexOf('}')].Split(',').Select(static label => label.Split('=')[0])];
    }
}
