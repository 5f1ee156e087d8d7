using System.Net;
using System.Net.Sockets;
using EtcdNet.Peer.Joining;
using EtcdNet.Peer.Tests.Support;

namespace EtcdNet.Peer.Tests.Transport;

/// <summary>What a member learns from others before it belongs to their cluster.</summary>
public sealed class InquiryTests
{
    [Theory]
    [InlineData("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n{..}")]
    [InlineData("")]
    public async Task Who_has_started_counts_though_the_version_is_not_told(string versionAnswer)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task served = ServeAsync(listener, versionAnswer);
        using var inquiry = new ClusterInquiry(TimeSpan.FromSeconds(10));
        var refusals = new List<string>();
        var answers = await inquiry.AskAsync([$"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"], (_, reason) => refusals.Add(reason), CancellationToken.None);
        await served.WaitAsync(Wait.Limit);
        RunningCluster answer = Assert.Single(answers);
        Assert.Equal((0xabcul, "one", (string?)null), (answer.ClusterId, Assert.Single(answer.Members).Name, answer.ServerVersion));
        Assert.Single(refusals);
    }

    private static async Task ServeAsync(TcpListener listener, string versionAnswer)
    {
        const string Members = """[{"id":1,"peerURLs":["http://a:1"],"name":"one","clientURLs":["http://a:2"]}]""";
        using (RawHttp members = await RawHttp.AcceptAsync(listener))
        {
            Assert.StartsWith("GET /members ", members.StartLine, StringComparison.Ordinal);
            await members.WriteAsync($"HTTP/1.1 200 OK\r\nX-Etcd-Cluster-Id: abc\r\nContent-Length: {Members.Length}\r\nConnection: close\r\n\r\n{Members}");
        }
        using RawHttp version = await RawHttp.AcceptAsync(listener);
        Assert.StartsWith("GET /version ", version.StartLine, StringComparison.Ordinal);
        await version.WriteAsync(versionAnswer);
    }
}
