using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Protocol;

/// <summary>What operators see: metrics, debug variables, slow requests, further listeners.</summary>
public sealed class ObservingTests
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);

    // Names of etcd 3.6.14 that this scrape cannot show, and why.
    private static readonly Dictionary<string, string> _absent = new()
    {
        ["etcd_network_known_peers"] = "there are no peers",
        ["etcd_server_learner_promote_failures"] = "nothing was promoted",
    };

    [Fact]
    public async Task Every_metric_of_etcd_is_there_and_what_happens_is_counted()
    {
        await using var server = await ServerProcess.StartAsync(ServerTarget.EtcdNet, null, "--metrics", "extensive");
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        using var client = new EtcdClient(server.ClientUrl);
        await client.PutAsync("a", "1");
        await client.RangeAsync("a");
        await http.PostAsync("/v3/lease/grant", new StringContent("{\"TTL\":100}"));
        await http.PostAsync("/v3/kv/txn", new StringContent("{\"success\":[{\"request_put\":{\"key\":\"YQ==\"}},{\"request_put\":{\"key\":\"Yg==\"}}]}"));
        await http.PostAsync("/v3/kv/compaction", new StringContent("{\"revision\":3,\"physical\":true}"));
        await http.PostAsync("/v3/maintenance/hashkv", new StringContent("{}"));
        await http.GetStringAsync("/livez");
        var text = await http.GetStringAsync("/metrics");

        var lines = text.Split('\n');
        var golden = await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "Golden", "metrics-3.6.14.txt"));
        var missing = Types(golden).Except(Types(lines)).Where(type => !type.StartsWith("go_", StringComparison.Ordinal) && !_absent.ContainsKey(type.Split(' ')[0]));
        Assert.Empty(missing);
        string[] moved =
        [
            "etcd_disk_wal_fsync_duration_seconds_count", "etcd_disk_wal_write_duration_seconds_count", "etcd_disk_wal_write_bytes_total",
            "etcd_server_apply_duration_seconds_count{op=\"Put\",success=\"true\",version=\"v3\"}",
            "etcd_server_apply_duration_seconds_count{op=\"Txn\",success=\"true\",version=\"v3\"}",
            "etcd_server_range_duration_seconds_count{success=\"true\"}", "etcd_debugging_lease_ttl_total_count",
            "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds_count", "etcd_debugging_mvcc_db_compaction_last",
            "etcd_mvcc_hash_rev_duration_seconds_count", "etcd_mvcc_put_total", "etcd_mvcc_range_total", "etcd_mvcc_txn_total",
            "etcd_server_client_requests_total{client_api_version=\"unknown\",type=\"unary\"}",
            "etcd_server_healthcheck{name=\"serializable_read\",type=\"livez\"}",
            "grpc_server_handling_seconds_count{grpc_method=\"Txn\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}",
            "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"LeaseGrant\",grpc_service=\"etcdserverpb.Lease\",grpc_type=\"unary\"}",
        ];
        Assert.All(moved, name => Assert.Contains(lines, line => line.StartsWith(name + " ", StringComparison.Ordinal) && !line.EndsWith(" 0", StringComparison.Ordinal)));
        Assert.True((await Command.RunAsync("promtool", ["check", "metrics"], text)).ExitCode is 0 or 3);
    }

    [Fact]
    public async Task Slow_requests_are_logged_as_etcd_does_and_without_values()
    {
        await using var server = await ServerProcess.StartAsync(
            ServerTarget.EtcdNet, null, "--warning-apply-duration", "1ns", "--experimental-warning-unary-request-duration", "1ns");
        using var client = new EtcdClient(server.ClientUrl);
        await client.PutAsync("slow\nkey", "confidential");
        await client.RangeAsync("slow\nkey");
        await Deadline.UntilAsync(() => Task.FromResult(Lines(server, "trace[").Length > 0), _limit);
        await Deadline.UntilAsync(() => Task.FromResult(Lines(server, "request stats").Length > 1), _limit);
        // The applier has a line without these fields for batches that are slow as a whole.
        var applied = Lines(server, "apply request took too long").Where(line => line.TryGetProperty("prefix", out _)).ToArray();
        Assert.Contains(applied, line => line.GetProperty("prefix").GetString() == ""
            && line.GetProperty("request").GetString()!.EndsWith("put:<key:\"slow\\012key\" value_size:12 >", StringComparison.Ordinal));
        Assert.Contains(applied, line => line.GetProperty("prefix").GetString() == "read-only range "
            && line.GetProperty("request").GetString() == "key:\"slow\\012key\"");
        Assert.Contains(Lines(server, "request stats"), line => line.GetProperty("response type").GetString() == "/etcdserverpb.KV/Put");
        var put = Assert.Single(Lines(server, "trace["), line => line.GetProperty("msg").GetString()!.EndsWith(" put", StringComparison.Ordinal));
        Assert.Equal("{key:slow\\012key; req_size:24; response_revision:2; }", put.GetProperty("detail").GetString());
        Assert.Equal(put.GetProperty("step_count").GetInt32(), put.GetProperty("steps").GetArrayLength());
        Assert.Matches(@"^trace\[\d+\] 'process raft request'  \(duration: [\d.]+(µs|ms)\)$", put.GetProperty("steps")[0].GetString());
        Assert.Matches(@"^trace\[\d+\] 'apply the request to the store'  \(duration: ", put.GetProperty("steps")[1].GetString());
        Assert.Contains(Lines(server, "trace["), line => line.GetProperty("detail").GetString() == "{range_begin:slow\\012key; range_end:; response_count:1; response_revision:2; }"
            && line.GetProperty("steps").EnumerateArray().Last().GetString()!.Contains("'range keys from in-memory index tree'", StringComparison.Ordinal));
        Assert.DoesNotContain("confidential", server.Log, StringComparison.Ordinal);
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        Assert.DoesNotContain("\netcd_server_slow_apply_total 0\n", await http.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Debug_variables_tell_how_the_process_runs()
    {
        await using var server = await ServerProcess.StartAsync();
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        using var response = await http.GetAsync("/debug/vars");
        Assert.Equal("application/json; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        var vars = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        Assert.Contains("--data-dir", vars.GetProperty("cmdline").EnumerateArray().Select(argument => argument.GetString()));
        Assert.True(vars.GetProperty("file_descriptor_limit").GetUInt64() > 0);
        Assert.True(vars.GetProperty("memstats").GetProperty("HeapAlloc").GetInt64() > 0);
        Assert.Equal("StateLeader", vars.GetProperty("raft.status").GetProperty("raftState").GetString());
        Assert.Equal(vars.GetProperty("raft.status").GetProperty("id").GetString(), vars.GetProperty("raft.status").GetProperty("lead").GetString());
    }

    [Fact]
    public async Task The_level_of_the_log_can_be_changed_while_the_server_runs()
    {
        // However slow this machine is, nothing is slow here.
        await using var server = await ServerProcess.StartAsync(ServerTarget.EtcdNet, null, "--warning-apply-duration", "1h", "--warning-unary-request-duration", "1h");
        using var client = new EtcdClient(server.ClientUrl);
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        await client.PutAsync("before", "1");
        Assert.Equal(HttpStatusCode.NoContent, await SetLevelAsync(http, "{\"Level\":\"DEBUG\"}"));
        await client.PutAsync("during", "1");
        await Deadline.UntilAsync(() => Task.FromResult(Lines(server, "request stats").Length == 1), _limit);
        var stats = Assert.Single(Lines(server, "request stats"));
        Assert.Equal("debug", stats.GetProperty("level").GetString());
        Assert.Equal("key:\"during\" value_size:1", stats.GetProperty("request content").GetString());
        Assert.Equal(1, stats.GetProperty("request count").GetInt32());
        Assert.Equal(HttpStatusCode.NoContent, await SetLevelAsync(http, "{\"Level\":\"WARNING\"}"));
        await client.PutAsync("after", "1");
        Assert.Single(Lines(server, "request stats"));

        using var noJson = await http.PutAsync("/config/local/log", new StringContent("DEBUG"));
        Assert.Equal("{\"message\":\"Invalid json body\"}", await noJson.Content.ReadAsStringAsync());
        using var noLevel = await http.PutAsync("/config/local/log", new StringContent("{\"Level\":\"LOUD\"}"));
        Assert.Equal(HttpStatusCode.BadRequest, noLevel.StatusCode);
        Assert.Equal("{\"message\":\"Invalid log level LOUD\"}", await noLevel.Content.ReadAsStringAsync());
        using var get = await http.GetAsync("/config/local/log");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, get.StatusCode);
    }

    private static async Task<HttpStatusCode> SetLevelAsync(HttpClient http, string body)
    {
        using var answer = await http.PutAsync("/config/local/log", new StringContent(body));
        return answer.StatusCode;
    }

    [Fact]
    public async Task Clients_may_come_through_a_socket_file_and_scrapers_through_a_port_of_their_own()
    {
        using var directory = new TempDirectory();
        var socket = directory.At("client.sock");
        var port = FreePorts.Take(1)[0];
        await using var server = await ServerProcess.StartAsync(ServerTarget.EtcdNet, null,
            "--listen-client-urls", $"unix://{socket}", "--listen-metrics-urls", $"http://127.0.0.1:{port}");
        var put = await Command.RunAsync("etcdctl", ["--endpoints", $"unix://{socket}", "put", "through", "a file"]);
        Assert.Equal("OK\n", put.Output);
        var get = await Command.RunAsync("etcdctl", ["--endpoints", $"unix://{socket}", "get", "through", "--print-value-only"]);
        Assert.Equal("a file\n", get.Output);
        using var http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellation);
                return new NetworkStream(connection, ownsSocket: true);
            },
        });
        using var range = await http.PostAsync("http://file/v3/kv/range", new StringContent("{\"key\":\"dGhyb3VnaA==\"}"));
        Assert.Contains("\"count\":\"1\"", await range.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var metrics = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        Assert.Contains("etcd_server_has_leader 1", await metrics.GetStringAsync("/metrics"), StringComparison.Ordinal);
        Assert.Equal("{\"health\":\"true\",\"reason\":\"\"}", await metrics.GetStringAsync("/health"));
        using var gateway = await metrics.PostAsync("/v3/kv/range", new StringContent("{}"));
        Assert.Equal(HttpStatusCode.NotFound, gateway.StatusCode);
    }

    private static IEnumerable<string> Types(IEnumerable<string> lines) =>
        lines.Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal)).Select(line => line["# TYPE ".Length..]);

    private static JsonElement[] Lines(ServerProcess server, string message) =>
        [.. server.Log.Split('\n').Where(line => line.StartsWith('{')).Select(line => JsonDocument.Parse(line).RootElement)
            .Where(line => line.GetProperty("msg").GetString()!.StartsWith(message, StringComparison.Ordinal))];
}
