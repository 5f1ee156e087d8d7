using System.Net;
using System.Net.Sockets;

namespace EtcdNet.Peer.Tests.Support;

/// <summary>
/// Another member on bare sockets, in both roles. It knows the bytes of the documented protocol and nothing of our code.
/// </summary>
internal sealed class FakeMember : IDisposable
{
    public const ulong Id = 0x321b4ccd5c32edea;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public FakeMember() => _listener.Start();

    public Uri Url => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>What release the fake says it is.</summary>
    public string Version { get; init; } = "3.6.14";

    /// <summary>Headers of every request between members.</summary>
    public string Headers => $"X-Server-From: {Id:x}\r\nX-Server-Version: {Version}\r\nX-Min-Cluster-Version: 3.0.0\r\nX-Etcd-Cluster-ID: {TestPeer.ClusterId:x}\r\nX-PeerURLs: {Url.ToString().TrimEnd('/')}\r\n";

    /// <summary>Next request of another member, whichever it is.</summary>
    public Task<RawHttp> AcceptAsync() => RawHttp.AcceptAsync(_listener);

    /// <summary>Next request whose first line begins so; probes and other requests are answered with 404 meanwhile.</summary>
    public async Task<RawHttp> AcceptAsync(string start)
    {
        while (true)
        {
            var request = await AcceptAsync();
            if (request.StartLine.StartsWith(start, StringComparison.Ordinal))
                return request;
            await request.WriteAsync("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            request.Dispose();
        }
    }

    /// <summary>Accepts a stream that the other member dials.</summary>
    public async Task<RawHttp> AcceptStreamAsync(string kind)
    {
        var request = await AcceptAsync($"GET /raft/stream/{kind}/");
        await request.WriteAsync($"HTTP/1.1 200 OK\r\nX-Etcd-Cluster-Id: {TestPeer.ClusterId:x}\r\nX-Server-Version: {Version}\r\nTransfer-Encoding: chunked\r\n\r\n");
        return request;
    }

    /// <summary>Dials a stream of another member.</summary>
    public async Task<RawHttp> DialStreamAsync(Uri url, string kind, ulong to)
    {
        var http = await RawHttp.ConnectAsync(url);
        await http.WriteAsync($"GET /raft/stream/{kind}/{Id:x} HTTP/1.1\r\nHost: x\r\n{Headers}X-Raft-To: {to:x}\r\n\r\n");
        await http.ReadHeadAsync();
        return http;
    }

    /// <summary>Sends a request with a body and reads the head of the answer.</summary>
    public async Task<RawHttp> PostAsync(Uri url, string path, byte[] body, string contentType = "application/protobuf")
    {
        var http = await RawHttp.ConnectAsync(url);
        await http.WriteAsync($"POST {path} HTTP/1.1\r\nHost: x\r\n{Headers}Content-Type: {contentType}\r\nContent-Length: {body.Length}\r\n\r\n");
        await http.WriteAsync(body);
        await http.ReadHeadAsync();
        return http;
    }

    public void StopListening() => _listener.Stop();

    public void Dispose() => _listener.Dispose();
}
