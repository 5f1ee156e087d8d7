using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Grpc.Tests;

public sealed class StreamTests : IAsyncLifetime, IDisposable
{
    private EchoHost _host = null!;
    private GrpcClient _client = null!;

    public async Task InitializeAsync()
    {
        _host = await EchoHost.StartAsync();
        _client = new GrpcClient(_host.Url);
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    public void Dispose() => _client.Dispose();

    private static WatchRequest Watch(long id) => new() { CreateRequest = new WatchCreateRequest { WatchId = id } };

    [Theory]
    [InlineData(0, 0)]
    [InlineData(100, 1000)]
    [InlineData(20, 1_000_000)]
    public async Task A_server_stream_delivers_everything(int count, int size)
    {
        using var stream = await OpenSnapshotAsync(("count", count.ToString()), ("size", size.ToString()));
        for (int i = 0; i < count; i++)
            Assert.Equal(size, (await stream.ReadAsync(SnapshotResponse.Parser).InTimeAsync())!.Blob.Length);
        Assert.Null(await stream.ReadAsync(SnapshotResponse.Parser).InTimeAsync());
        Assert.Equal((0, false), (stream.Status().Code, stream.Status().TrailersOnly));
    }

    [Fact]
    public async Task An_error_before_the_first_message_is_in_the_headers()
    {
        using var stream = await OpenSnapshotAsync(("count", "-1"));
        var status = stream.Status();
        Assert.Equal((9, "no snapshot", true), (status.Code, status.Text, status.TrailersOnly));
    }

    [Fact]
    public async Task An_error_after_messages_is_in_the_trailers()
    {
        using var stream = await OpenSnapshotAsync(("count", "2"), ("fail", "torn"));
        for (int i = 0; i < 2; i++)
            Assert.NotNull(await stream.ReadAsync(SnapshotResponse.Parser));
        Assert.Null(await stream.ReadAsync(SnapshotResponse.Parser));
        var status = stream.Status();
        Assert.Equal((15, "torn", false), (status.Code, status.Text, status.TrailersOnly));
    }

    [Fact]
    public async Task An_error_after_an_unflushed_message_is_in_the_trailers()
    {
        using var stream = await OpenSnapshotAsync(("unflushed", "1"), ("count", "0"), ("fail", "torn"));
        Assert.NotNull(await stream.ReadAsync(SnapshotResponse.Parser));
        Assert.Null(await stream.ReadAsync(SnapshotResponse.Parser));
        Assert.Equal((15, "torn", false), (stream.Status().Code, stream.Status().Text, stream.Status().TrailersOnly));
    }

    [Fact]
    public async Task Two_writers_on_one_stream_are_refused()
    {
        using var stream = await OpenSnapshotAsync(("misuse", "1"), ("size", "20000"));
        while (await stream.ReadAsync(SnapshotResponse.Parser).InTimeAsync() is not null)
        {
        }

        Assert.Equal((2, $"two writers on one stream of {EchoHost.Snapshot}"), (stream.Status().Code, stream.Status().Text));
    }

    [Fact]
    public async Task A_client_stream_is_collected()
    {
        var frames = Enumerable.Range(0, 500)
            .SelectMany(i => GrpcClient.Frame(new PutRequest { Key = ByteString.CopyFromUtf8($"k{i}") }.ToByteArray())).ToArray();
        var result = await _client.RawUnaryAsync(EchoHost.Collect, frames, RangeResponse.Parser);
        Assert.Equal((0, 500L), (result.Code, result.Message!.Count));
        Assert.Equal("k499", result.Message.Kvs[^1].Key.ToStringUtf8());
    }

    [Fact]
    public async Task A_message_in_pieces_is_put_together()
    {
        using var stream = await _client.OpenAsync(EchoHost.Watch);
        byte[] frame = GrpcClient.Frame(Watch(300).ToByteArray());
        foreach (byte b in frame)
            stream.WriteRaw([b]);
        Assert.Equal(300, (await stream.ReadAsync(WatchResponse.Parser).InTimeAsync())!.WatchId);
    }

    [Fact]
    public async Task A_stream_cut_inside_a_message_ends_with_an_error()
    {
        using var stream = await _client.OpenAsync(EchoHost.Watch);
        stream.WriteRaw([0, 0, 0, 0, 9, 1]);
        stream.End();
        Assert.Null(await stream.ReadAsync(WatchResponse.Parser).InTimeAsync());
        Assert.Equal((2, "unexpected EOF", false), (stream.Status().Code, stream.Status().Text, stream.Status().TrailersOnly));
    }

    [Fact]
    public async Task A_broken_message_ends_the_stream()
    {
        using var stream = await _client.OpenAsync(EchoHost.Watch);
        stream.WriteRaw(GrpcClient.Frame([0x0a, 0x05]));
        Assert.Null(await stream.ReadAsync(WatchResponse.Parser).InTimeAsync());
        Assert.Equal(13, stream.Status().Code);
        Assert.StartsWith("grpc: failed to unmarshal the received message: ", stream.Status().Text);
    }

    [Fact]
    public async Task A_stream_with_a_deadline_ends_at_it()
    {
        using var stream = await _client.OpenAsync(EchoHost.Watch, ("grpc-timeout", "50m"));
        Assert.Null(await stream.ReadAsync(WatchResponse.Parser).InTimeAsync());
        Assert.Equal((4, "context deadline exceeded"), (stream.Status().Code, stream.Status().Text));
    }

    [Fact]
    public async Task Three_thousand_cancels_in_a_row_leave_nothing_and_the_connection_alive()
    {
        for (int i = 0; i < 3000; i++)
        {
            var stream = await _client.OpenAsync(EchoHost.Watch).InTimeAsync();
            stream.Write(Watch(i));
            Assert.Equal(i, (await stream.ReadAsync(WatchResponse.Parser).InTimeAsync())!.WatchId);
            stream.Cancel();
        }

        await Eventually.TrueAsync(() => _host.OpenWatches == 0, "all cancelled watches end");
        Assert.Equal(0, (await _client.UnaryAsync(EchoHost.Range, new RangeRequest(), RangeResponse.Parser)).Code);
        Assert.Equal(1, _host.Connections);
    }

    [Fact]
    public async Task Five_thousand_streams_live_on_one_connection()
    {
        var streams = new List<GrpcStream>();
        for (int i = 0; i < 5000; i++)
            streams.Add(await _client.OpenAsync(EchoHost.Watch).InTimeAsync());
        Assert.Equal(5000, _host.OpenWatches);
        for (int i = 0; i < streams.Count; i++)
            streams[i].Write(Watch(i));
        for (int i = 0; i < streams.Count; i++)
            Assert.Equal(i, (await streams[i].ReadAsync(WatchResponse.Parser).InTimeAsync())!.WatchId);
        foreach (var stream in streams)
            stream.End();
        foreach (var stream in streams)
            Assert.Null(await stream.ReadAsync(WatchResponse.Parser).InTimeAsync());
        await Eventually.TrueAsync(() => _host.OpenWatches == 0, "all streams end");
        Assert.Equal(1, _host.Connections);
    }

    [Fact]
    public async Task Values_of_one_and_a_half_megabytes_and_five_hundred_calls_at_once()
    {
        byte[] value = new byte[1_500_000];
        new Random(1).NextBytes(value);
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("v"), Value = ByteString.CopyFrom(value) };
        Assert.Equal(0, (await _client.UnaryAsync(EchoHost.Put, put, PutResponse.Parser)).Code);
        var key = new RangeRequest { Key = ByteString.CopyFromUtf8("v") };
        var large = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => _client.UnaryAsync(EchoHost.Range, key, RangeResponse.Parser)));
        Assert.All(large, result => Assert.Equal(value, result.Message!.Kvs.Single().Value.ToByteArray()));
        var small = await Task.WhenAll(Enumerable.Range(0, 500).Select(i => _client.UnaryAsync(
            EchoHost.Put, new PutRequest { Key = ByteString.CopyFromUtf8($"s{i}"), Value = ByteString.CopyFromUtf8($"{i}") }, PutResponse.Parser)));
        Assert.All(small, result => Assert.Equal(0, result.Code));
        Assert.Equal("499"u8, _host.Value("s499"));
    }

    private async Task<GrpcStream> OpenSnapshotAsync(params (string Name, string Value)[] headers)
    {
        var content = new PushContent();
        content.Write(GrpcClient.Frame(new SnapshotRequest().ToByteArray()));
        content.End();
        var response = await _client.SendAsync(_client.Request(EchoHost.Snapshot, content, headers));
        return new GrpcStream(content, response, await response.Content.ReadAsStreamAsync());
    }
}
