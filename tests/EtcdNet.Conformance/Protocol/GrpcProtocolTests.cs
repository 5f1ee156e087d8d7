using System.IO.Compression;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Conformance.Protocol;

/// <summary>The gRPC layer itself: what no well-behaved client sends, and what every client relies on.</summary>
public sealed class GrpcProtocolTests(ServerFixture fixture) : IClassFixture<ServerFixture>, IDisposable
{
    private const string Put = "/etcdserverpb.KV/Put";
    private const string Range = "/etcdserverpb.KV/Range";

    private readonly GrpcTestClient _client = new(fixture.Server.ClientUrl);

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task An_unknown_method_is_unimplemented()
    {
        var reply = await _client.CallAsync<PutResponse>("/etcdserverpb.KV/Steal", new PutRequest());
        Assert.Equal((GrpcStatus.Unimplemented, "unknown method Steal for service etcdserverpb.KV"), (reply.Status, reply.Message));
    }

    [Fact]
    public async Task An_unknown_service_is_unimplemented()
    {
        var reply = await _client.CallAsync<PutResponse>("/no.Such/Put", new PutRequest());
        Assert.Equal((GrpcStatus.Unimplemented, "unknown service no.Such"), (reply.Status, reply.Message));
    }

    [Theory]
    [InlineData(new byte[] { 0xff, 0xff, 0xff, 0xff })]
    [InlineData(new byte[] { 0x0a, 0x05, 0x61 })]
    public async Task A_malformed_message_is_an_internal_error_and_the_connection_goes_on(byte[] body)
    {
        var reply = await _client.CallRawAsync<PutResponse>(Put, GrpcFrames.Encode(body, compressed: false));
        Assert.Equal(GrpcStatus.Internal, reply.Status);
        Assert.StartsWith("grpc: error unmarshalling request: ", reply.Message, StringComparison.Ordinal);
        var good = await _client.CallAsync<RangeResponse>(Range, new RangeRequest { Key = ByteString.CopyFromUtf8("a") });
        Assert.Equal(GrpcStatus.OK, good.Status);
    }

    [Fact]
    public async Task A_call_without_a_message_fails()
    {
        var reply = await _client.CallRawAsync<PutResponse>(Put, []);
        Assert.Contains(reply.Status, new[] { GrpcStatus.Internal, GrpcStatus.Unknown });
    }

    [Fact]
    public async Task A_size_in_the_prefix_beyond_the_limit_is_refused_before_the_message_comes()
    {
        byte[] prefix = [0, 0x7f, 0xff, 0xff, 0xff];
        var reply = await _client.CallRawAsync<PutResponse>(Put, prefix);
        Assert.Equal(
            (GrpcStatus.ResourceExhausted, "grpc: received message larger than max (2147483647 vs. 2097152)"),
            (reply.Status, reply.Message));
    }

    [Fact]
    public async Task An_unknown_compression_is_unimplemented()
    {
        var headers = new Dictionary<string, string> { ["grpc-encoding"] = "snappy" };
        var reply = await _client.CallRawAsync<PutResponse>(Put, GrpcFrames.Encode([1, 2, 3], compressed: true), headers);
        Assert.Equal(GrpcStatus.Unimplemented, reply.Status);
        Assert.Equal("grpc: Decompressor is not installed for grpc-encoding \"snappy\"", reply.Message);
    }

    [Fact]
    public async Task A_gzip_message_is_understood()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(new PutRequest { Key = ByteString.CopyFromUtf8("gzip"), Value = ByteString.CopyFromUtf8("packed") }.ToByteArray());
        var headers = new Dictionary<string, string> { ["grpc-encoding"] = "gzip" };
        var reply = await _client.CallRawAsync<PutResponse>(Put, GrpcFrames.Encode(packed.ToArray(), compressed: true), headers);
        Assert.Equal(GrpcStatus.OK, reply.Status);
        var stored = await _client.CallAsync<RangeResponse>(Range, new RangeRequest { Key = ByteString.CopyFromUtf8("gzip") });
        Assert.Equal("packed", stored.Answer.Kvs.Single().Value.ToStringUtf8());
    }

    [Fact]
    public async Task A_deadline_that_has_passed_ends_the_call()
    {
        var headers = new Dictionary<string, string> { ["grpc-timeout"] = "1n" };
        var body = GrpcFrames.Encode(new RangeRequest { Key = ByteString.CopyFromUtf8("a") });
        var reply = await _client.CallRawAsync<RangeResponse>(Range, body, headers);
        Assert.Equal(GrpcStatus.DeadlineExceeded, reply.Status);
    }

    [Fact]
    public async Task A_deadline_ends_a_watch()
    {
        var headers = new Dictionary<string, string> { ["grpc-timeout"] = "300m" };
        using var watch = _client.Open<WatchRequest, WatchResponse>("/etcdserverpb.Watch/Watch", headers);
        watch.Send(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("quiet") } });
        Assert.True((await watch.NextAsync()).Created);
        try
        {
            Assert.Null(await watch.ReadAsync());
            Assert.Equal(GrpcStatus.DeadlineExceeded, watch.End!.Value.Status);
        }
        catch (HttpProtocolException reset)
        {
            // What etcd does: CANCEL, since a client with a deadline has left by then.
            Assert.Equal(8, reset.ErrorCode);
        }
    }

    [Fact]
    public async Task Hundreds_of_calls_at_once_on_one_connection_are_all_answered()
    {
        var calls = Enumerable.Range(0, 500).Select(i => _client.CallAsync<PutResponse>(
            Put, new PutRequest { Key = ByteString.CopyFromUtf8($"many/{i}"), Value = ByteString.CopyFromUtf8($"{i}") }));
        var replies = await Task.WhenAll(calls);
        var revisions = replies.Select(r => r.Answer.Header.Revision).ToHashSet();
        Assert.Equal(500, revisions.Count);
        Assert.Equal(499, revisions.Max() - revisions.Min());
        var all = await _client.CallAsync<RangeResponse>(
            Range, new RangeRequest { Key = ByteString.CopyFromUtf8("many/"), RangeEnd = ByteString.CopyFromUtf8("many0"), Limit = 1 });
        Assert.Equal(500, all.Answer.Count);
    }

    [Fact]
    public async Task Hundreds_of_watchers_on_one_stream_see_the_same_event()
    {
        const int Watchers = 300;
        using var client = new EtcdClient(fixture.Server.ClientUrl);
        using var watch = client.Watch();
        for (var i = 0; i < Watchers; i++)
            watch.Send(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("shared") } });
        for (var i = 0; i < Watchers; i++)
            Assert.True((await watch.NextAsync()).Created);
        var put = (await client.PutAsync("shared", "x")).Answer;
        var ids = new HashSet<long>();
        for (var i = 0; i < Watchers; i++)
        {
            var answer = await watch.NextAsync();
            Assert.Equal(put.Header.Revision, Assert.Single(answer.Events).Kv.ModRevision);
            ids.Add(answer.WatchId);
        }

        Assert.Equal(Watchers, ids.Count);
    }

    /// <summary>The version is a label of a metric, and labels are UTF-8. etcd 3.5 ends with a panic here; 3.6 refuses.</summary>
    [Fact]
    public async Task A_client_api_version_that_is_no_text_is_refused()
    {
        if (!fixture.Server.Target.AtLeast(3, 6))
            return;
        byte[] request = GrpcFrames.Encode(new StatusRequest());
        var reply = await _client.CallBytesAsync("/etcdserverpb.Maintenance/Status", request, new Dictionary<string, string> { ["client-api-version"] = "3.6.\u00ff" });
        Assert.Equal((GrpcStatus.InvalidArgument, "etcdserver: invalid client api version"), (reply.Status, reply.Message));
        // Other headers may hold any bytes; é is text.
        var others = new Dictionary<string, string> { ["client-api-version"] = "3.6.\u00c3\u00a9", ["x-any"] = "\u00ff" };
        Assert.Equal(GrpcStatus.OK, (await _client.CallBytesAsync("/etcdserverpb.Maintenance/Status", request, others)).Status);
    }

    [Fact]
    public async Task The_health_service_says_serving()
    {
        var reply = await _client.CallBytesAsync("/grpc.health.v1.Health/Check", GrpcFrames.Encode([], compressed: false));
        Assert.Equal(GrpcStatus.OK, reply.Status);
        // Field 1, SERVING = 1.
        Assert.Equal([0x08, 0x01], reply.Value!);
    }
}
