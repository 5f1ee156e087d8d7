using System.Net;
using System.Text;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Gateway;

/// <summary>
/// Answers while the body is still open, which EtcdNet gives and etcd does not: Go's HTTP/1 server reads a body to its end
/// before it answers.
/// </summary>
public sealed class OpenBodyTests : IAsyncLifetime
{
    private const string Header = "\"header\":{\"cluster_id\":\"#\",\"member_id\":\"#\",";
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);

    private ServerProcess _server = null!;

    public async Task InitializeAsync() => _server = await ServerProcess.StartAsync(ServerTarget.EtcdNet);

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_watch_tells_events_as_they_come_and_takes_more_requests_meanwhile()
    {
        using var watch = await LineStream.OpenAsync(_server.ClientUrl, "/v3/watch", Create("w1"));
        Assert.Equal("HTTP/1.1 200 OK", watch.Headers[0]);
        Assert.Contains("Content-Type: application/json", watch.Headers);
        Assert.Matches("^{\"result\":{" + Header + "\"revision\":\"\\d+\",\"raft_term\":\"#\"},\"created\":true}}$", await watch.NextAsync());
        await PutAsync("w1");
        Assert.Contains("\"events\":[{\"kv\":{\"key\":\"dzE=\",", await watch.NextAsync(), StringComparison.Ordinal);
        await watch.SendAsync(Create("w2"));
        Assert.Contains("\"watch_id\":\"1\",\"created\":true", await watch.NextAsync(), StringComparison.Ordinal);
        await PutAsync("w2");
        Assert.Contains("\"watch_id\":\"1\",\"events\":[{\"kv\":{\"key\":\"dzI=\",", await watch.NextAsync(), StringComparison.Ordinal);
        await watch.SendAsync("{\"cancel_request\":{\"watch_id\":\"1\"}}");
        Assert.Contains("\"watch_id\":\"1\",\"canceled\":true", await watch.NextAsync(), StringComparison.Ordinal);
        // The end of the requests is not the end of the watches.
        await watch.EndRequestsAsync();
        await PutAsync("w1");
        Assert.Contains("\"events\":[{\"kv\":{\"key\":\"dzE=\",", await watch.NextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_keepalive_ends_when_its_requests_do()
    {
        using var http = new HttpClient { BaseAddress = _server.ClientUrl, Timeout = _limit };
        using var grant = await http.PostAsync("/v3/lease/grant", new StringContent("{\"TTL\":\"60\",\"ID\":\"4711\"}"));
        Assert.Equal(HttpStatusCode.OK, grant.StatusCode);
        using var alive = await LineStream.OpenAsync(_server.ClientUrl, "/v3/lease/keepalive", "{\"ID\":\"4711\"}");
        Assert.EndsWith("\"ID\":\"4711\",\"TTL\":\"60\"}}", await alive.NextAsync(), StringComparison.Ordinal);
        await alive.SendAsync("{\"ID\":4711}");
        Assert.EndsWith("\"ID\":\"4711\",\"TTL\":\"60\"}}", await alive.NextAsync(), StringComparison.Ordinal);
        await alive.EndRequestsAsync();
        Assert.Null(await alive.NextAsync());
    }

    [Fact]
    public async Task The_end_of_the_server_is_the_last_line_of_a_stream()
    {
        using var watch = await LineStream.OpenAsync(_server.ClientUrl, "/v3/watch", Create("end"));
        Assert.Contains("\"created\":true", await watch.NextAsync(), StringComparison.Ordinal);
        await watch.EndRequestsAsync();
        _server.SendTerm();
        Assert.Equal("{\"error\":{\"code\":14,\"message\":\"etcdserver: server stopped\"}}", await watch.NextAsync());
        Assert.Null(await watch.NextAsync());
        Assert.Equal(0, await _server.WaitForExitAsync());
    }

    private static string Create(string key) =>
        $"{{\"create_request\":{{\"key\":\"{Convert.ToBase64String(Encoding.UTF8.GetBytes(key))}\"}}}}";

    private async Task PutAsync(string key)
    {
        using var client = new EtcdClient(_server.ClientUrl);
        await client.PutAsync(key, "v");
    }
}
