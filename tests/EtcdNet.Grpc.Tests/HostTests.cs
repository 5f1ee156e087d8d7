using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace EtcdNet.Grpc.Tests;

/// <summary>Listeners, TLS, start and stop.</summary>
public sealed class HostTests
{
    private static readonly RangeRequest Any = new() { Key = ByteString.CopyFromUtf8("a") };

    private static GrpcEndpoint Loopback(GrpcEndpointServes serves = GrpcEndpointServes.GrpcAndHttp, HttpsConnectionAdapterOptions? tls = null) =>
        new() { Address = new IPEndPoint(IPAddress.Loopback, 0), Serves = serves, Tls = tls };

    private static WatchRequest Watch() => new() { CreateRequest = new WatchCreateRequest { WatchId = 1 } };

    [Fact]
    public async Task Stopping_ends_streams_with_unavailable_and_lets_unary_calls_finish()
    {
        await using var host = await EchoHost.StartAsync(
            new GrpcServerOptions { ShutdownMessage = "etcdserver: server stopped", ShutdownGrace = TimeSpan.FromSeconds(20) });
        using var client = new GrpcClient(host.Url);
        using var stream = await client.OpenAsync(EchoHost.Watch);
        stream.Write(Watch());
        Assert.NotNull(await stream.ReadAsync(WatchResponse.Parser));
        var unary = client.UnaryAsync(EchoHost.Wait, Any, RangeResponse.Parser);
        await Eventually.TrueAsync(() => host.OpenWaits == 1, "the unary call waits");
        var stopping = host.Host.StopAsync();
        Assert.Null(await stream.ReadAsync(WatchResponse.Parser).InTimeAsync());
        Assert.Equal((14, "etcdserver: server stopped"), (stream.Status().Code, stream.Status().Text));
        Assert.False(unary.IsCompleted);
        host.Gate.SetResult();
        Assert.Equal(7, (await unary.InTimeAsync()).Message!.Count);
        await stopping.WaitAsync(TimeSpan.FromSeconds(15));
    }

    [Fact]
    public async Task Two_hosts_listen_on_one_port_only_when_both_want_it()
    {
        await using var first = await EchoHost.StartAsync(new GrpcServerOptions { ReusePort = true });
        var address = new GrpcEndpoint { Address = first.Host.BoundEndPoints[0] };
        await using (var second = new GrpcHost(new GrpcServerOptions { ReusePort = true }, [address], []))
            await second.StartAsync();
        await using var third = new GrpcHost(new GrpcServerOptions(), [address], []);
        await Assert.ThrowsAsync<GrpcBindException>(() => third.StartAsync());
    }

    [Fact]
    public async Task A_call_that_does_not_end_is_cut_after_the_grace()
    {
        await using var host = await EchoHost.StartAsync(new GrpcServerOptions { ShutdownGrace = TimeSpan.FromMilliseconds(200) });
        using var client = new GrpcClient(host.Url);
        var unary = client.UnaryAsync(EchoHost.Wait, Any, RangeResponse.Parser);
        await Eventually.TrueAsync(() => host.OpenWaits == 1, "the unary call waits");
        await host.Host.StopAsync().WaitAsync(TimeSpan.FromSeconds(15));
        var error = await Record.ExceptionAsync(() => unary);
        Assert.True(error is HttpRequestException || unary.Result.Code == 1, "the call is cut");
        Assert.Equal(0, host.OpenWaits);
    }

    // 1,000 messages: the handler waits in a flush. 7: it is over, and the last of it waits for the client.
    [Theory]
    [InlineData("1000")]
    [InlineData("7")]
    public async Task A_client_that_takes_nothing_holds_up_the_stop_no_longer_than_the_grace(string count)
    {
        await using var host = await EchoHost.StartAsync(new GrpcServerOptions { ShutdownGrace = TimeSpan.FromSeconds(1) });
        using var client = await RawHttp2.ConnectAsync(host.Port);
        byte[] block =
        [
            .. RawHttp2.HeaderBlock(EchoHost.Snapshot, "localhost", huffman: false),
            0x00, .. RawHttp2.PlainString("count"), .. RawHttp2.PlainString(count),
            0x00, .. RawHttp2.PlainString("size"), .. RawHttp2.PlainString("10000"),
        ];
        await client.SendAsync(
            new Frame(Frame.Headers, Frame.EndHeaders, 1, block),
            new Frame(Frame.Data, Frame.EndStream, 1, GrpcClient.Frame(new SnapshotRequest().ToByteArray())));
        int taken = 0;
        while (taken < 65_535)
            taken += (await client.ReadAsync(Frame.Data))!.Payload.Length;
        await host.Host.StopAsync().WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task A_client_that_says_nothing_more_does_not_hold_up_the_stop_when_its_call_is_over()
    {
        await using var host = await EchoHost.StartAsync(new GrpcServerOptions { ShutdownGrace = TimeSpan.FromMinutes(10) });
        using var client = await RawHttp2.ConnectAsync(host.Port);
        await client.SendAsync(
            new Frame(Frame.Headers, Frame.EndHeaders, 1, RawHttp2.HeaderBlock(EchoHost.Wait, "localhost", huffman: false)),
            new Frame(Frame.Data, Frame.EndStream, 1, GrpcClient.Frame(Any.ToByteArray())));
        await Eventually.TrueAsync(() => host.OpenWaits == 1, "the unary call waits");
        var stopping = host.Host.StopAsync();
        Assert.NotNull(await client.ReadAsync(Frame.GoAway));
        host.Gate.SetResult();
        await stopping.WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Two_stops_are_one()
    {
        await using var host = await EchoHost.StartAsync();
        await Task.WhenAll(host.Host.StopAsync(), host.Host.StopAsync()).WaitAsync(TimeSpan.FromSeconds(15));
        await host.DisposeAsync();
    }

    [Fact]
    public async Task Stopping_says_goaway()
    {
        await using var host = await EchoHost.StartAsync();
        using var client = await RawHttp2.ConnectAsync(host.Port);
        Assert.NotNull(await client.ReadAsync(Frame.Settings));
        var stopping = host.Host.StopAsync();
        var away = await client.ReadAsync(Frame.GoAway);
        Assert.NotNull(away);
        Assert.Equal(0, away.Payload[7]);
        await stopping.WaitAsync(TimeSpan.FromSeconds(15));
        await Assert.ThrowsAsync<SocketException>(() => RawHttp2.ConnectAsync(host.Port));
    }

    [Fact]
    public async Task A_silent_connection_does_not_hold_up_the_stop()
    {
        await using var host = await EchoHost.StartAsync();
        using var silent = await RawHttp2.ConnectAsync(host.Port, preface: false);
        using var half = await RawHttp2.ConnectAsync(host.Port, preface: false);
        await half.SendAsync("PRI * HT"u8.ToArray());
        await host.Host.StopAsync().WaitAsync(TimeSpan.FromSeconds(15));
        Assert.Null(await half.ReadAsync());
    }

    [Fact]
    public async Task A_port_in_use_is_named()
    {
        await using var first = await EchoHost.StartAsync();
        var error = await Assert.ThrowsAsync<GrpcBindException>(() => EchoHost.StartAsync(
            null, Loopback(), new GrpcEndpoint { Address = new IPEndPoint(IPAddress.Loopback, first.Port) }));
        Assert.Equal($"listen tcp 127.0.0.1:{first.Port}: bind: address already in use", error.Message);
    }

    [Fact]
    public async Task A_bad_address_is_named()
    {
        var error = await Assert.ThrowsAsync<GrpcBindException>(() => EchoHost.StartAsync(
            null, new GrpcEndpoint { Address = new IPEndPoint(IPAddress.Parse("192.0.2.1"), 2379) }));
        Assert.StartsWith("listen tcp 192.0.2.1:2379: bind: ", error.Message);
    }

    [Fact]
    public async Task A_unix_socket_serves_both_protocols_and_a_stale_file_is_no_obstacle()
    {
        string path = Path.Combine(Path.GetTempPath(), $"grpc-{Guid.NewGuid():N}.sock");
        using (var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
            dead.Bind(new UnixDomainSocketEndPoint(path));
        File.WriteAllText(path + ".keep", "");
        var endpoint = new GrpcEndpoint { Address = new UnixDomainSocketEndPoint(path) };
        await using (await EchoHost.StartAsync(null, endpoint))
        {
            using var client = new GrpcClient("http://localhost", handler => handler.ConnectCallback = ConnectAsync);
            Assert.Equal(0, (await client.UnaryAsync(EchoHost.Range, Any, RangeResponse.Parser)).Code);
            var inspect = await client.UnaryAsync(EchoHost.Inspect, Any, RangeResponse.Parser);
            Assert.Equal("@", inspect.Message!.Kvs[1].Key.ToStringUtf8());
            using var http = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync });
            Assert.Equal("HTTP/1.1 GET /health ", await http.GetStringAsync(new Uri("http://localhost/health")));
            var error = await Assert.ThrowsAsync<GrpcBindException>(() => EchoHost.StartAsync(null, endpoint));
            Assert.Equal($"listen unix {path}: bind: address already in use", error.Message);
        }

        Assert.False(File.Exists(path));
        File.Delete(path + ".keep");

        async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken token)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), token);
            return new NetworkStream(socket, ownsSocket: true);
        }
    }

    [Fact]
    public async Task Tls_serves_grpc_http2_and_http1_and_shows_the_client_certificate()
    {
        await using var host = await EchoHost.StartAsync(null, Loopback(tls: new HttpsConnectionAdapterOptions
        {
            ServerCertificate = TestCertificate.Server,
            ClientCertificateMode = ClientCertificateMode.RequireCertificate,
            ClientCertificateValidation = (certificate, _, _) => certificate.Subject == "CN=alice",
        }));
        string url = $"https://localhost:{host.Port}";
        using var client = new GrpcClient(url, handler => handler.SslOptions = TlsOptions());
        var inspect = await client.UnaryAsync(EchoHost.Inspect, Any, RangeResponse.Parser);
        Assert.Equal("CN=alice", inspect.Message!.Kvs[4].Key.ToStringUtf8());
        foreach (var version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
        {
            using var http = new HttpClient(new SocketsHttpHandler { SslOptions = TlsOptions() })
            {
                DefaultRequestVersion = version,
                DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            string answer = await http.GetStringAsync(new Uri(url + "/health"));
            Assert.Equal($"HTTP/{(version.Major == 1 ? "1.1" : "2")} GET /health ", answer);
        }
    }

    [Fact]
    public async Task Endpoints_serve_only_what_they_are_for()
    {
        await using var host = await EchoHost.StartAsync(
            null, Loopback(GrpcEndpointServes.Grpc), Loopback(GrpcEndpointServes.Http));
        int[] ports = [.. host.Host.BoundEndPoints.Select(point => ((IPEndPoint)point).Port)];
        using var grpc = new GrpcClient($"http://127.0.0.1:{ports[0]}");
        Assert.Equal(0, (await grpc.UnaryAsync(EchoHost.Range, Any, RangeResponse.Parser)).Code);
        using var http = new HttpClient();
        Assert.Equal("HTTP/1.1 GET /metrics ", await http.GetStringAsync(new Uri($"http://127.0.0.1:{ports[1]}/metrics")));
        await Assert.ThrowsAsync<HttpRequestException>(() => http.GetStringAsync(new Uri($"http://127.0.0.1:{ports[0]}/metrics")));
        using var wrong = new GrpcClient($"http://127.0.0.1:{ports[1]}");
        await Assert.ThrowsAsync<HttpRequestException>(() => wrong.UnaryAsync(EchoHost.Range, Any, RangeResponse.Parser));
    }

    [Fact]
    public void A_path_twice_in_the_table_is_refused()
    {
        GrpcMethod Make() => GrpcMethod.Unary<RangeRequest, RangeResponse>("/a.B/C", RangeRequest.Parser, (_, _) => default);
        Assert.Throws<ArgumentException>(() => new GrpcHost(new GrpcServerOptions(), [Loopback()], [Make(), Make()]));
        Assert.Throws<ArgumentException>(() => new GrpcHost(new GrpcServerOptions(), [], [Make()]));
        Assert.Throws<ArgumentException>(() => GrpcMethod.Unary<RangeRequest, RangeResponse>("a.B/C", RangeRequest.Parser, (_, _) => default));
    }

    private static SslClientAuthenticationOptions TlsOptions() => new()
    {
        ClientCertificates = [TestCertificate.Client],
        RemoteCertificateValidationCallback = (_, certificate, _, _) => TestCertificate.IsServer(certificate),
    };
}
