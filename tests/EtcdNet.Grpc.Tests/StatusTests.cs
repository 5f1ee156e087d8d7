using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Grpc.Tests;

/// <summary>Every way a call can be refused or fail, with the code and the text that grpc-go gives.</summary>
public sealed class StatusTests : IAsyncLifetime, IDisposable
{
    private EchoHost _host = null!;
    private GrpcClient _client = null!;

    public async Task InitializeAsync()
    {
        _host = await EchoHost.StartAsync(new GrpcServerOptions { MaxReceiveMessageSize = 2_097_152, MaxSendMessageSize = 50_000 });
        _client = new GrpcClient(_host.Url);
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    public void Dispose() => _client.Dispose();

    private static RangeRequest Key(string key) => new() { Key = ByteString.CopyFromUtf8(key) };

    private Task<GrpcResult<RangeResponse>> RawAsync(byte[] body, params (string Name, string Value)[] headers) =>
        _client.RawUnaryAsync(EchoHost.Range, body, RangeResponse.Parser, default, headers);

    [Theory]
    [InlineData("5:etcdserver: requested lease not found", 5, "etcdserver: requested lease not found")]
    [InlineData("16:naïve 100% — ✓\n", 16, "naïve 100% — ✓\n")]
    [InlineData("14:", 14, "")]
    [InlineData("plain", 2, "a plain failure")]
    public async Task An_error_of_the_handler_is_a_status_in_the_headers(string key, int code, string text)
    {
        var result = await _client.UnaryAsync(EchoHost.Throw, Key(key), RangeResponse.Parser);
        Assert.Equal((code, text, true, HttpStatusCode.OK), (result.Code, result.Text, result.TrailersOnly, result.Response.StatusCode));
        Assert.Null(result.Message);
    }

    [Theory]
    [InlineData("/etcdserverpb.KV/Rangex", "unknown method Rangex for service etcdserverpb.KV")]
    [InlineData("/foo.Bar/Range", "unknown service foo.Bar")]
    [InlineData("/foo", "malformed method name: \"/foo\"")]
    [InlineData("/", "malformed method name: \"/\"")]
    public async Task Unknown_paths_are_unimplemented(string path, string text)
    {
        var result = await _client.UnaryAsync(path, Key("a"), RangeResponse.Parser);
        Assert.Equal((12, text, true), (result.Code, result.Text, result.TrailersOnly));
    }

    [Theory]
    [InlineData("", 2, "EOF")]
    [InlineData("00000000", 2, "unexpected EOF")]
    [InlineData("00000000070a", 2, "unexpected EOF")]
    [InlineData("01000000030a0161", 13, "grpc: compressed flag set with identity or empty encoding")]
    [InlineData("07000000030a0161", 13, "grpc: received unexpected payload format 7")]
    [InlineData("0000400000", 8, "grpc: received message larger than max (4194304 vs. 2097152)")]
    [InlineData("00ffffffff", 8, "grpc: received message larger than max (4294967295 vs. 2097152)")]
    [InlineData("00000000030a016100000000030a0161", 13, "cardinality violation: received multiple request messages for a unary RPC")]
    public async Task Broken_frames_have_their_texts(string hex, int code, string text)
    {
        var result = await RawAsync(Convert.FromHexString(hex));
        Assert.Equal((code, text), (result.Code, result.Text));
    }

    [Fact]
    public async Task A_broken_message_is_internal()
    {
        var result = await RawAsync(Convert.FromHexString("00000000020a05"));
        Assert.Equal(13, result.Code);
        Assert.StartsWith("grpc: error unmarshalling request: ", result.Text);
    }

    [Theory]
    [InlineData("5x")]
    [InlineData("S")]
    [InlineData("-1S")]
    [InlineData("123456789S")]
    [InlineData("1.5S")]
    public async Task A_bad_timeout_is_refused(string timeout)
    {
        var result = await RawAsync(RawHttp2.RangeBody("a"), ("grpc-timeout", timeout));
        Assert.Equal((13, $"malformed grpc-timeout: {timeout}"), (result.Code, result.Text));
        Assert.Equal(HttpStatusCode.BadRequest, result.Response.StatusCode);
    }

    [Fact]
    public async Task Other_encodings_than_gzip_are_unimplemented_and_the_known_ones_named()
    {
        var result = await RawAsync(RawHttp2.RangeBody("a"), ("grpc-encoding", "snappy"));
        Assert.Equal((12, "grpc: Decompressor is not installed for grpc-encoding \"snappy\""), (result.Code, result.Text));
        Assert.Equal("identity,gzip", result.Response.Headers.GetValues("grpc-accept-encoding").Single());
    }

    [Fact]
    public async Task Identity_is_an_encoding()
    {
        var result = await RawAsync(RawHttp2.RangeBody("a"), ("grpc-encoding", "identity"));
        Assert.Equal(0, result.Code);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(100_000)]
    [InlineData(2_000_000)]
    public async Task Gzip_requests_are_read(int size)
    {
        byte[] value = new byte[size];
        new Random(size).NextBytes(value.AsSpan(0, size / 2));
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("k"), Value = ByteString.CopyFrom(value) };
        byte[] body = GrpcClient.Frame(Gzip(put.ToByteArray()), flag: 1);
        var result = await _client.RawUnaryAsync(EchoHost.Put, body, PutResponse.Parser, default, ("grpc-encoding", "gzip"));
        Assert.Equal((0, ""), (result.Code, result.Text));
        Assert.Equal(value, _host.Value("k"));
    }

    [Fact]
    public async Task A_gzip_bomb_stops_at_the_limit()
    {
        byte[] body = GrpcClient.Frame(Gzip(new byte[100_000_000]), flag: 1);
        var result = await RawAsync(body, ("grpc-encoding", "gzip"));
        Assert.Equal((8, "grpc: received message after decompression larger than max (2097153 vs. 2097152)"), (result.Code, result.Text));
    }

    [Fact]
    public async Task Broken_gzip_is_internal()
    {
        var result = await RawAsync(GrpcClient.Frame([1, 2, 3, 4], flag: 1), ("grpc-encoding", "gzip"));
        Assert.Equal(13, result.Code);
        Assert.StartsWith("grpc: failed to decompress the received message: ", result.Text);
    }

    [Fact]
    public async Task A_response_over_the_limit_is_resource_exhausted()
    {
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("big"), Value = ByteString.CopyFrom(new byte[50_000]) };
        Assert.Equal(0, (await _client.UnaryAsync(EchoHost.Put, put, PutResponse.Parser)).Code);
        var result = await _client.UnaryAsync(EchoHost.Range, Key("big"), RangeResponse.Parser);
        Assert.Equal(8, result.Code);
        Assert.Matches(@"^grpc: trying to send message larger than max \(500\d\d vs\. 50000\)$", result.Text);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/grpcx")]
    public async Task Cleartext_http2_that_is_not_grpc_is_415(string contentType)
    {
        var content = new ByteArrayContent([]);
        content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        using var request = _client.Request(EchoHost.Range, content);
        using var response = await _client.SendAsync(request);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        var result = GrpcClient.Result<object>(response, null);
        Assert.Equal((3, $"invalid gRPC request content-type \"{contentType}\""), (result.Code, result.Text));
    }

    [Fact]
    public async Task A_subtype_is_echoed()
    {
        var content = new ByteArrayContent(RawHttp2.RangeBody("a"));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc+proto");
        using var request = _client.Request(EchoHost.Range, content);
        using var response = await _client.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(0, GrpcClient.Result<object>(response, null).Code);
        Assert.Equal("application/grpc+proto", response.Content.Headers.ContentType!.ToString());
    }

    [Fact]
    public async Task Only_POST_is_a_call()
    {
        using var request = _client.Request(EchoHost.Range, new ByteArrayContent([]));
        request.Method = HttpMethod.Put;
        using var response = await _client.SendAsync(request);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.Equal(13, GrpcClient.Result<object>(response, null).Code);
    }

    [Fact]
    public async Task A_passed_deadline_is_code_4()
    {
        var result = await _client.UnaryAsync(EchoHost.Wait, Key("a"), RangeResponse.Parser, ("grpc-timeout", "30m"));
        Assert.Equal((4, "context deadline exceeded"), (result.Code, result.Text));
        Assert.Equal(0, _host.OpenWaits);
    }

    [Fact]
    public async Task A_deadline_of_a_year_does_not_fire()
    {
        var waiting = _client.UnaryAsync(EchoHost.Wait, Key("a"), RangeResponse.Parser, ("grpc-timeout", "99999999H"));
        await Eventually.TrueAsync(() => _host.OpenWaits == 1, "the call waits");
        _host.Gate.SetResult();
        Assert.Equal(7, (await waiting.InTimeAsync()).Message!.Count);
    }

    [Fact]
    public async Task A_cancelled_call_ends_its_handler()
    {
        using var cancel = new CancellationTokenSource();
        var waiting = _client.RawUnaryAsync(EchoHost.Wait, RawHttp2.RangeBody("a"), RangeResponse.Parser, cancel.Token);
        await Eventually.TrueAsync(() => _host.OpenWaits == 1, "the call waits");
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Eventually.TrueAsync(() => _host.OpenWaits == 0, "the handler ends");
    }

    [Fact]
    public async Task A_call_shows_its_metadata_peer_deadline_and_method()
    {
        var result = await _client.UnaryAsync(
            EchoHost.Inspect, Key("a"), RangeResponse.Parser, ("token", "abc.1"), ("grpc-timeout", "10S"));
        var texts = result.Message!.Kvs.Select(kv => kv.Key.ToStringUtf8()).ToArray();
        Assert.Equal(("abc.1", "deadline", EchoHost.Inspect, "none"), (texts[0], texts[2], texts[3], texts[4]));
        Assert.StartsWith("127.0.0.1:", texts[1]);
        // The next call on the connection must see nothing of this one.
        result = await _client.UnaryAsync(EchoHost.Inspect, Key("a"), RangeResponse.Parser);
        texts = [.. result.Message!.Kvs.Select(kv => kv.Key.ToStringUtf8())];
        Assert.Equal(("none", "none"), (texts[0], texts[2]));
    }

    private static byte[] Gzip(byte[] plain)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            gzip.Write(plain);
        return packed.ToArray();
    }
}
