using System.Text;
using EtcdNet.Peer.Tests.Support;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Peer.Tests.Transport;

/// <summary>What the listening side refuses, with etcd's codes and texts.</summary>
public sealed class RefusalTests
{
    private const ulong Self = 0x71405583d3e2d5ce;
    private const string Cluster = "8d9fa1f3dd2c1d34";

    /// <summary>Method, path, headers (name=value, several with a bar between), status, text.</summary>
    public static TheoryData<string, string, string, int, string> Refused => new()
    {
        { "POST", "/raft/stream/message/321b4ccd5c32edea", "", 405, "Method Not Allowed\n" },
        { "GET", "/raft", "", 405, "Method Not Allowed\n" },
        { "GET", "/raft/snapshot", "", 405, "Method Not Allowed\n" },
        { "POST", "/raft/probing", "", 405, "Method Not Allowed\n" },
        { "GET", "/raft/stream/message/321b4ccd5c32edea", "X-Server-Version=", 412, "incompatible version\n" },
        { "GET", "/raft/stream/message/321b4ccd5c32edea", "X-Server-Version=2.3.0", 412, "incompatible version\n" },
        { "GET", "/raft/stream/message/321b4ccd5c32edea", "X-Server-Version=three", 412, "incompatible version\n" },
        { "GET", "/raft/stream/message/321b4ccd5c32edea", "X-Server-Version=4.0.0|X-Min-Cluster-Version=4.0.0", 412, "incompatible version\n" },
        { "GET", "/raft/stream/message/321b4ccd5c32edea", "X-Etcd-Cluster-ID=1", 412, "cluster ID mismatch\n" },
        { "GET", "/raft/stream/message/321b4ccd5c32edea", "X-Etcd-Cluster-ID=", 412, "cluster ID mismatch\n" },
        { "POST", "/raft", "X-Server-Version=2.3.0", 412, "incompatible version\n" },
        { "POST", "/raft", "X-Etcd-Cluster-ID=1", 412, "cluster ID mismatch\n" },
        { "POST", "/raft/snapshot", "X-Etcd-Cluster-ID=1", 412, "cluster ID mismatch\n" },
        { "GET", "/raft/stream/votes/321b4ccd5c32edea", "", 404, "invalid path\n" },
        { "GET", "/raft/stream/message", "", 404, "invalid path\n" },
        { "GET", "/raft/stream/message/me", "", 404, "invalid from\n" },
        { "GET", "/raft/stream/message/dead", "", 410, "removed member\n" },
        { "GET", "/raft/stream/msgapp/77", "X-PeerURLs=", 404, "error sender not found\n" },
        { "GET", "/raft/stream/msgapp/321b4ccd5c32edea", "X-Raft-To=1", 412, "to field mismatch\n" },
        { "GET", "/raft/stream/msgapp/321b4ccd5c32edea", "X-Raft-To=", 412, "to field mismatch\n" },
        { "GET", "/health", "", 404, "404 page not found\n" },
        { "GET", "/metrics", "", 404, "404 page not found\n" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task A_request_is_refused_as_etcd_does(string method, string path, string headers, int status, string text)
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        peer.Receiver.Removed[0xdead] = true;
        var sent = new Dictionary<string, string>
        {
            ["X-Server-From"] = $"{FakeMember.Id:x}", ["X-Server-Version"] = "3.6.14", ["X-Min-Cluster-Version"] = "3.0.0",
            ["X-Etcd-Cluster-ID"] = Cluster, ["X-Raft-To"] = $"{Self:x}",
        };
        foreach (var header in headers.Split('|', StringSplitOptions.RemoveEmptyEntries).Select(h => h.Split('=')))
            sent[header[0]] = header[1];

        using var http = await RawHttp.ConnectAsync(peer.Url);
        var head = string.Concat(sent.Where(h => h.Value.Length > 0).Select(h => $"{h.Key}: {h.Value}\r\n"));
        await http.WriteAsync($"{method} {path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: 0\r\n\r\n");
        await http.ReadHeadAsync();
        Assert.StartsWith($"HTTP/1.1 {status} ", http.StartLine, StringComparison.Ordinal);
        Assert.Equal(text, Encoding.UTF8.GetString(await http.ReadWholeBodyAsync()));
        Assert.Equal(Cluster, http.Headers["X-Etcd-Cluster-ID"]);
        Assert.Equal("3.6.14", http.Headers["X-Server-Version"]);
        if (status == 405)
            Assert.Equal(method == "GET" ? "POST" : "GET", http.Headers["Allow"]);
    }

    [Theory]
    [InlineData(PeerVerdict.Taken, 204, "")]
    [InlineData(PeerVerdict.Removed, 403, "{\"message\":\"cannot process message from removed member\"}")]
    [InlineData(PeerVerdict.Refused, 403, "{\"message\":\"cannot process message to mismatch member\"}")]
    [InlineData(PeerVerdict.Stopped, 500, "error processing raft message\n")]
    public async Task A_posted_message_is_answered_by_what_became_of_it(PeerVerdict verdict, int status, string text)
    {
        await using var peer = await TestPeer.StartAsync(Self);
        peer.Receiver.Verdict = verdict;
        using var fake = new FakeMember();
        using var answer = await fake.PostAsync(peer.Url, "/raft", Convert.FromHexString("081210ceab8b9fbdb095a07118eadbcbe1d599d38d322002"));
        Assert.StartsWith($"HTTP/1.1 {status} ", answer.StartLine, StringComparison.Ordinal);
        if (text.Length > 0)
            Assert.Equal(text, Encoding.UTF8.GetString(await answer.ReadWholeBodyAsync()));
        var (sender, message) = Assert.Single(peer.Receiver.Messages);
        Assert.Equal((FakeMember.Id, EtcdNet.Raft.MessageType.PreVoteResp, 2ul), (sender, message.Type, message.Term));
    }

    [Theory]
    [InlineData("/raft", "0880", "error unmarshalling raft message\n")]
    [InlineData("/raft/snapshot", "00000000000000020803", "wrong raft message type\n")]
    public async Task Bytes_that_are_no_message_are_a_bad_request(string path, string hex, string text)
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        using var answer = await fake.PostAsync(peer.Url, path, Convert.FromHexString(hex));
        Assert.StartsWith("HTTP/1.1 400 ", answer.StartLine, StringComparison.Ordinal);
        Assert.Equal(text, Encoding.UTF8.GetString(await answer.ReadWholeBodyAsync()));
    }

    [Fact]
    public async Task A_snapshot_that_breaks_off_is_a_bad_request()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        using var answer = await fake.PostAsync(peer.Url, "/raft/snapshot", Convert.FromHexString("00000000000000ff0807"));
        Assert.StartsWith("HTTP/1.1 400 ", answer.StartLine, StringComparison.Ordinal);
        Assert.StartsWith("failed to read raft message", Encoding.UTF8.GetString(await answer.ReadWholeBodyAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_probe_is_answered()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var http = await RawHttp.ConnectAsync(peer.Url);
        await http.WriteAsync("GET /raft/probing HTTP/1.1\r\nHost: x\r\n\r\n");
        await http.ReadHeadAsync();
        Assert.Matches("""^\{"OK":true,"Now":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"\}$""", Encoding.UTF8.GetString(await http.ReadWholeBodyAsync()));
    }
}
