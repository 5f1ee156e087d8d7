using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Gateway;

/// <summary>Streams over the gateway: lines that come at once, WebSockets.</summary>
public sealed class StreamTests(ServerFixture fixture) : IClassFixture<ServerFixture>, IDisposable
{
    private const string Header = "\"header\":{\"cluster_id\":\"#\",\"member_id\":\"#\",";
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);
    private readonly HttpClient _http = new() { BaseAddress = fixture.Server.ClientUrl, Timeout = _limit };

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task A_watch_goes_on_when_the_body_has_ended()
    {
        using var watch = await LineStream.OpenAsync(fixture.Server.ClientUrl, "/v3/watch", Create("w1") + Create("w2"), end: true);
        Assert.Equal("HTTP/1.1 200 OK", watch.Headers[0]);
        Assert.Contains("Content-Type: application/json", watch.Headers);
        Assert.Matches("^{\"result\":{" + Header + "\"revision\":\"\\d+\",\"raft_term\":\"#\"},\"created\":true}}$", await watch.NextAsync());
        Assert.Contains("\"watch_id\":\"1\",\"created\":true", await watch.NextAsync(), StringComparison.Ordinal);
        await PutAsync("w1");
        Assert.Contains("\"events\":[{\"kv\":{\"key\":\"dzE=\",", await watch.NextAsync(), StringComparison.Ordinal);
        await PutAsync("w2");
        Assert.Contains("\"watch_id\":\"1\",\"events\":[{\"kv\":{\"key\":\"dzI=\",", await watch.NextAsync(), StringComparison.Ordinal);
    }

    /// <summary>python-etcd3gw reads a chunk and takes it for a message.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(100_000)]
    public async Task A_message_is_a_chunk(int bytes)
    {
        using var client = new EtcdClient(fixture.Server.ClientUrl);
        var key = string.Create(CultureInfo.InvariantCulture, $"chunk{bytes}");
        var put = await client.PutAsync(key, new string('x', bytes));
        var create = $$$"""{"create_request":{"key":"{{{Base64(key)}}}","start_revision":{{{put.Answer.Header.Revision}}}}}""";
        using var watch = await LineStream.OpenAsync(fixture.Server.ClientUrl, "/v3/watch", create, end: true);
        var created = JsonDocument.Parse(await watch.NextChunkAsync()).RootElement.GetProperty("result");
        Assert.True(created.GetProperty("created").GetBoolean());
        var told = JsonDocument.Parse(await watch.NextChunkAsync()).RootElement.GetProperty("result");
        Assert.Equal(Base64(key), told.GetProperty("events")[0].GetProperty("kv").GetProperty("key").GetString());
    }

    [Fact]
    public async Task A_snapshot_comes_in_lines_with_its_checksum()
    {
        string large = $"{{\"key\":\"c25hcHNob3Q=\",\"value\":\"{Convert.ToBase64String(new byte[100_000])}\"}}";
        using (HttpResponseMessage put = await _http.PostAsync("/v3/kv/put", new StringContent(large)))
            Assert.Equal(HttpStatusCode.OK, put.StatusCode);
        using HttpResponseMessage answer = await _http.PostAsync("/v3/maintenance/snapshot", new StringContent("{}"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        string[] lines = (await answer.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        byte[][] blobs = [.. lines.Select(static line => Convert.FromBase64String(Regex.Match(line, "^{\"result\":{(?:\"remaining_bytes\":\"\\d+\",)?\"blob\":\"([^\"]+)\"").Groups[1].Value))];
        byte[] file = [.. blobs.SkipLast(1).SelectMany(static blob => blob)];
        Assert.Equal(0, file.Length % 4096);
        Assert.All(blobs.SkipLast(2), static blob => Assert.Equal(32 << 10, blob.Length));
        Assert.Equal(SHA256.HashData(file), blobs[^1]);
        Assert.Contains($"\"remaining_bytes\":\"{file.Length - blobs[0].Length}\"", lines[0], StringComparison.Ordinal);
        Assert.DoesNotContain("remaining_bytes", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_websocket_carries_a_watch()
    {
        using var socket = new ClientWebSocket();
        using var limit = new CancellationTokenSource(_limit);
        await socket.ConnectAsync(new Uri($"ws://{fixture.Server.Endpoint}/v3/watch"), limit.Token);
        await socket.SendAsync(Encoding.UTF8.GetBytes(Create("ws")), WebSocketMessageType.Text, true, limit.Token);
        Assert.Contains("\"created\":true", await ReceiveAsync(socket, limit.Token), StringComparison.Ordinal);
        await PutAsync("ws");
        Assert.Contains("\"events\":[{\"kv\":{\"key\":\"d3M=\",", await ReceiveAsync(socket, limit.Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_websocket_tells_errors_and_closes()
    {
        using var socket = new ClientWebSocket();
        using var limit = new CancellationTokenSource(_limit);
        socket.Options.AddSubProtocol("Bearer");
        socket.Options.AddSubProtocol("some.1");
        await socket.ConnectAsync(new Uri($"ws://{fixture.Server.Endpoint}/v3/kv/range"), limit.Token);
        Assert.Equal("Bearer", socket.SubProtocol);
        await socket.SendAsync("{\"key\":"u8.ToArray(), WebSocketMessageType.Text, false, limit.Token);
        await socket.SendAsync("}"u8.ToArray(), WebSocketMessageType.Text, true, limit.Token);
        Assert.Equal("{\"code\":3,\"message\":\"invalid character '}' looking for beginning of value\"}", await ReceiveAsync(socket, limit.Token));
    }

    [Fact]
    public async Task Closed_websockets_and_left_watches_leave_no_stream_behind()
    {
        for (var i = 0; i < 20; i++)
        {
            using var socket = new ClientWebSocket();
            using var limit = new CancellationTokenSource(_limit);
            await socket.ConnectAsync(new Uri($"ws://{fixture.Server.Endpoint}/v3/watch"), limit.Token);
            await socket.SendAsync(Encoding.UTF8.GetBytes(Create("gone")), WebSocketMessageType.Text, true, limit.Token);
            await ReceiveAsync(socket, limit.Token);
            using var watch = await LineStream.OpenAsync(fixture.Server.ClientUrl, "/v3/watch", Create("gone"), end: true);
            await watch.NextAsync();
        }

        // A real etcd keeps streams of connections that broke off.
        if (!fixture.Server.Target.IsEtcdNet)
            return;
        await Deadline.UntilAsync(async () => (await _http.GetStringAsync("/metrics"))
            .Contains("\netcd_debugging_mvcc_watch_stream_total 0\n", StringComparison.Ordinal), _limit);
    }

    private static string Create(string key) => $"{{\"create_request\":{{\"key\":\"{Base64(key)}\"}}}}";

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private async Task PutAsync(string key)
    {
        using var client = new EtcdClient(fixture.Server.ClientUrl);
        await client.PutAsync(key, "v");
    }

    private static async Task<string> ReceiveAsync(ClientWebSocket socket, CancellationToken limit)
    {
        var buffer = new byte[4096];
        var text = new StringBuilder();
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, limit);
            text.Append(Encoding.UTF8.GetString(buffer, 0, part.Count));
            if (part.EndOfMessage)
                return RecordedCase.Compact(text.ToString()).TrimEnd('\n');
        }
    }
}
