using System.Net;
using System.Text.Json;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Conformance.Protocol;

/// <summary>HTTP/1.1 on the client port, and the end of the server.</summary>
public sealed class HttpTests(ServerFixture fixture) : IClassFixture<ServerFixture>, IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = fixture.Server.ClientUrl };

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task Version_names_the_release()
    {
        using var response = await _http.GetAsync("/version");
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        var release = fixture.Server.Target.Version;
        Assert.Equal(release.ToString(), answer.GetProperty("etcdserver").GetString());
        Assert.Equal($"{release.Major}.{release.Minor}.0", answer.GetProperty("etcdcluster").GetString());
    }

    [Theory]
    [InlineData("/health", "{\"health\":\"true\",\"reason\":\"\"}")]
    [InlineData("/health?serializable=true", "{\"health\":\"true\",\"reason\":\"\"}")]
    [InlineData("/livez", "ok\n")]
    [InlineData("/readyz", "ok\n")]
    [InlineData("/livez?verbose", "[+]serializable_read ok\nok\n")]
    public async Task Health(string path, string expected)
    {
        using var response = await _http.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(expected, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Readyz_lists_its_checks()
    {
        var lines = (await _http.GetStringAsync("/readyz?verbose")).Split('\n');
        Assert.Equal(
            ["", "[+]data_corruption ok", "[+]linearizable_read ok", "[+]non_learner ok", "[+]serializable_read ok", "ok"],
            lines.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Anything_else_is_not_found()
    {
        using var response = await _http.GetAsync("/nope");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal("404 page not found\n", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Health_is_only_for_get()
    {
        using var response = await _http.PostAsync("/health", null);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.Equal("GET", Assert.Single(response.Content.Headers.Allow));
    }

    [Fact]
    public async Task Metrics_are_what_prometheus_reads_and_dashboards_show()
    {
        using var client = new EtcdClient(fixture.Server.ClientUrl);
        Assert.Equal(GrpcStatus.OK, (await client.PutAsync("metrics", "1")).Status);
        var text = await _http.GetStringAsync("/metrics");
        var lint = await Command.RunAsync("promtool", ["check", "metrics"], text);
        // 3 means advice on names, which are etcd's; 1 would be a text that does not parse.
        Assert.True(lint.ExitCode is 0 or 3, lint.Error);
        Assert.DoesNotContain("no help text", lint.Output + lint.Error, StringComparison.Ordinal);
        string[] needed =
        [
            "etcd_server_has_leader 1", "etcd_server_is_leader 1", "etcd_server_leader_changes_seen_total ", "etcd_server_proposals_committed_total ",
            "etcd_server_proposals_applied_total ", "etcd_server_proposals_pending ", "etcd_server_proposals_failed_total ",
            "etcd_disk_wal_fsync_duration_seconds_bucket{le=", "etcd_disk_backend_commit_duration_seconds_bucket{le=",
            "etcd_mvcc_db_total_size_in_bytes ", "etcd_mvcc_db_total_size_in_use_in_bytes ", "etcd_mvcc_put_total ",
            "etcd_network_client_grpc_received_bytes_total ", "etcd_network_client_grpc_sent_bytes_total ",
            "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"} ",
            "grpc_server_started_total{grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"} ",
            "process_resident_memory_bytes ", "process_cpu_seconds_total ", "process_open_fds ", "process_start_time_seconds ",
        ];
        var lines = text.Split('\n');
        Assert.All(needed, start => Assert.Contains(lines, line => line.StartsWith(start, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_gateway_speaks_json()
    {
        using var put = await _http.PostAsync("/v3/kv/put", new StringContent("{\"key\":\"Z2F0ZQ==\",\"value\":\"d2F5\"}"));
        Assert.Equal(HttpStatusCode.OK, put.StatusCode);
        using var range = await _http.PostAsync("/v3/kv/range", new StringContent("{\"key\":\"Z2F0ZQ==\"}"));
        var answer = JsonDocument.Parse(await range.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal("d2F5", answer.GetProperty("kvs")[0].GetProperty("value").GetString());
        Assert.Equal("1", answer.GetProperty("count").GetString());
        Assert.Equal(JsonValueKind.String, answer.GetProperty("header").GetProperty("revision").ValueKind);
        using var bad = await _http.PostAsync("/v3/kv/put", new StringContent("{}"));
        Assert.Equal(HttpStatusCode.BadRequest, bad.StatusCode);
        var error = JsonDocument.Parse(await bad.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(3, error.GetProperty("code").GetInt32());
        Assert.Equal("etcdserver: key is not provided", error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Sigterm_ends_watches_with_unavailable_and_the_process_in_order()
    {
        await using var server = await ServerProcess.StartAsync();
        using var client = new EtcdClient(server.ClientUrl);
        using var watch = client.Watch();
        watch.Send(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("a") } });
        Assert.True((await watch.NextAsync()).Created);
        await client.PutAsync("b", "kept");
        server.SendTerm();
        var end = await EndOfAsync(watch);
        var exitCode = await server.WaitForExitAsync();
        if (server.Target.IsEtcdNet)
        {
            Assert.Equal(GrpcStatus.Unavailable, end);
            Assert.Equal(0, exitCode);
        }

        await server.StartAsync();
        using var second = new EtcdClient(server.ClientUrl);
        Assert.Equal("kept", (await second.RangeAsync("b")).Answer.Kvs.Single().Value.ToStringUtf8());
    }

    private static async Task<GrpcStatus?> EndOfAsync(GrpcStream<WatchRequest, WatchResponse> watch)
    {
        try
        {
            Assert.Null(await watch.ReadAsync());
            return watch.End!.Value.Status;
        }
        catch (HttpRequestException)
        {
            // A real etcd may close the connection without trailers, which clients take for Unavailable.
            return null;
        }
        catch (HttpIOException)
        {
            return null;
        }
    }
}
