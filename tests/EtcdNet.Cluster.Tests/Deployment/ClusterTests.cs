using System.Text.Json;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Cluster.Tests.Deployment;

/// <summary><c>compose.cluster.yaml</c> as processes: three members, HAProxy and Prometheus with the files of <c>docker/</c>, only ports and names replaced.</summary>
public sealed class ClusterTests
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);

    /// <summary>The series of members that the alert rules read.</summary>
    public static IReadOnlyList<string> SeriesOfAlerts { get; } =
    [
        "etcd_disk_wal_fsync_duration_seconds_bucket", "etcd_mvcc_db_total_size_in_bytes", "etcd_network_peer_round_trip_time_seconds_bucket",
        "etcd_server_has_leader", "etcd_server_leader_changes_seen_total", "etcd_server_proposals_failed_total", "etcd_server_quota_backend_bytes",
        "process_max_fds", "process_open_fds",
    ];

    [Fact]
    public async Task A_put_through_haproxy_outlives_the_leader_and_prometheus_sees_it_all()
    {
        using var directory = new TempDirectory();
        await using ProcessCluster cluster = await ProcessCluster.OnLoopbackAsync(3);
        int[] ports = FreePorts.Take(3);
        var (clients, statistics, metrics) = ($"127.0.0.1:{ports[0]}", $"127.0.0.1:{ports[1]}", $"127.0.0.1:{ports[2]}");
        await using Command haproxy = Command.Start("/usr/sbin/haproxy", ["-db", "-f", WriteProxy(directory, cluster, clients, statistics)]);
        await using Command prometheus = Command.Start(
            "prometheus", ["--config.file", WriteMetrics(directory, cluster, statistics, metrics), "--storage.tsdb.path", directory.At("series"), "--web.listen-address", metrics]);

        await EtcdCtl.UntilDoneAsync(clients, "put", "through", "haproxy");
        Assert.Contains("haproxy", await EtcdCtl.UntilDoneAsync(clients, "get", "through"), StringComparison.Ordinal);
        await MembersUpAsync(statistics, 3);
        foreach (string series in SeriesOfAlerts)
            await Deadline.UntilAsync(async () => await CountAsync(metrics, $"count(count by (instance) ({series}{{job=\"etcd\"}}))") == 3, _limit, $"3 members with {series}");
        await Deadline.UntilAsync(async () => await CountAsync(metrics, "count(haproxy_server_status{proxy=\"members\",state=\"UP\"} == 1)") == 3, _limit);

        ClusterMember leader = await cluster.LeaderAsync();
        await leader.Server.KillAsync();
        await EtcdCtl.UntilDoneAsync(clients, "put", "after", "the leader");
        Assert.Contains("haproxy", await EtcdCtl.UntilDoneAsync(clients, "get", "through"), StringComparison.Ordinal);
        await MembersUpAsync(statistics, 2);
        await Deadline.UntilAsync(async () => await CountAsync(metrics, "sum(up{job=\"etcd\"})") == 2, _limit);
        await Deadline.UntilAsync(async () => (await GetAsync(metrics, "/api/v1/alerts")).Contains("EtcdMemberDown", StringComparison.Ordinal), _limit);

        await leader.Server.StartAsync();
        await MembersUpAsync(statistics, 3);
        await cluster.HealthyAsync();
        Assert.Contains("the leader", await EtcdCtl.UntilDoneAsync(leader.Server.Endpoint, "get", "after"), StringComparison.Ordinal);
    }

    private static string WriteProxy(TempDirectory directory, ProcessCluster cluster, string clients, string statistics)
    {
        string text = Replace(DockerFolder.Read("haproxy.cfg"), "bind :2379", $"bind {clients}");
        text = Replace(text, "bind :8404", $"bind {statistics}");
        for (int i = 0; i < 3; i++)
            text = Replace(text, $"etcd{i + 1}:2379", cluster.Members[i].Server.Endpoint);
        return Write(directory, "haproxy.cfg", text);
    }

    private static string WriteMetrics(TempDirectory directory, ProcessCluster cluster, string statistics, string metrics)
    {
        Write(directory, "alerts.yml", DockerFolder.Read("alerts.yml"));
        string text = Replace(DockerFolder.Read("prometheus.yml"), "haproxy:8404", statistics);
        text = Replace(text, "localhost:9090", metrics);
        // Not the ten seconds that nobody here wants to wait.
        text = Replace(text, "_interval: 10s", "_interval: 500ms");
        for (int i = 0; i < 3; i++)
            text = Replace(text, $"etcd{i + 1}:2379", cluster.Members[i].Server.Endpoint);
        return Write(directory, "prometheus.yml", text);
    }

    private static string Replace(string text, string old, string by)
    {
        Assert.Contains(old, text, StringComparison.Ordinal);
        return text.Replace(old, by, StringComparison.Ordinal);
    }

    private static string Write(TempDirectory directory, string name, string text)
    {
        File.WriteAllText(directory.At(name), text);
        return directory.At(name);
    }

    /// <summary>As HAProxy's own statistics say it.</summary>
    private static Task MembersUpAsync(string statistics, int count) => Deadline.UntilAsync(
        async () => (await GetAsync(statistics, "/stats;csv")).Split('\n').Count(static line => line.StartsWith("members,etcd", StringComparison.Ordinal) && line.Contains(",UP,", StringComparison.Ordinal)) == count,
        _limit,
        $"{count} members up in HAProxy");

    private static async Task<double> CountAsync(string metrics, string query)
    {
        string answer = await GetAsync(metrics, "/api/v1/query?query=" + Uri.EscapeDataString(query));
        if (answer.Length == 0)
            return 0;
        JsonElement result = JsonDocument.Parse(answer).RootElement.GetProperty("data").GetProperty("result");
        return result.GetArrayLength() == 0 ? 0 : double.Parse(result[0].GetProperty("value")[1].GetString()!, System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Nothing while nobody answers.</summary>
    private static async Task<string> GetAsync(string endpoint, string path)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(10) };
        try
        {
            return await http.GetStringAsync(new Uri($"http://{endpoint}{path}"));
        }
        catch (Exception error) when (CallFailure.IsBroken(error))
        {
            return "";
        }
    }
}
