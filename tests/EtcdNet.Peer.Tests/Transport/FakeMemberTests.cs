using EtcdNet.Peer.Tests.Support;
using EtcdNet.Raft;

namespace EtcdNet.Peer.Tests.Transport;

/// <summary>The documented bytes on the wire, in both roles, against a member on bare sockets.</summary>
public sealed class FakeMemberTests
{
    private const ulong Self = 0x71405583d3e2d5ce;
    private const string HeartbeatBytes36 = "080810eadbcbe1d599d38d3218ceab8b9fbdb095a0712002280030004005500058006800";
    private const string HeartbeatBytes35 = "080810eadbcbe1d599d38d3218ceab8b9fbdb095a07120022800300040054a0a12080a0228001000180050005800";

    private static Message Heartbeat => new() { Type = MessageType.Heartbeat, To = FakeMember.Id, From = Self, Term = 2, Commit = 5 };

    [Theory]
    [InlineData("3.6.14", HeartbeatBytes36)]
    [InlineData("3.5.30", HeartbeatBytes35)]
    [InlineData("3.4.23", HeartbeatBytes35)]
    public async Task A_stream_that_is_dialled_carries_messages_in_the_form_of_the_receivers_release(string version, string bytes)
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember { Version = version };
        peer.Knows((FakeMember.Id, fake.Url));
        using var stream = await fake.DialStreamAsync(peer.Url, "message", Self);
        Assert.Equal("HTTP/1.1 200 OK", stream.StartLine);
        Assert.Equal(("chunked", "8d9fa1f3dd2c1d34", "3.6.14"),
            (stream.Headers["Transfer-Encoding"], stream.Headers["X-Etcd-Cluster-Id"], stream.Headers["X-Server-Version"]));
        await Wait.UntilAsync(() => peer.Transport.ActiveSince(FakeMember.Id) is not null);
        peer.Transport.Send(Heartbeat);
        var length = bytes.Length / 2;
        Assert.Equal($"{length:x16}{bytes}", Convert.ToHexStringLower(await stream.ReadBodyAsync(8 + length)));
    }

    [Fact]
    public async Task Appends_go_on_their_own_stream_the_later_ones_short()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        using var appends = await fake.DialStreamAsync(peer.Url, "msgapp", Self);
        await Wait.UntilAsync(() => peer.Transport.ActiveSince(FakeMember.Id) is not null);
        peer.Transport.Send(Append(logTerm: 1, index: 2, commit: 2, new Entry(EntryType.Normal, 2, 3, default)));
        peer.Transport.Send(Append(logTerm: 2, index: 3, commit: 3, new Entry(EntryType.Normal, 2, 4, "a"u8.ToArray())));
        peer.Transport.Send(Append(logTerm: 2, index: 4, commit: 4));
        const string whole = "080310eadbcbe1d599d38d3218ceab8b9fbdb095a0712002280130023a060800100218034002500058006800";
        Assert.Equal(
            "02" + "000000000000002c" + whole
            + "01" + "0000000000000001" + "0000000000000009" + "080010021804220161" + "0000000000000003"
            + "01" + "0000000000000000" + "0000000000000004",
            Convert.ToHexStringLower(await appends.ReadBodyAsync(9 + 44 + 17 + 9 + 8 + 17)));
    }

    [Fact]
    public async Task Idle_streams_say_that_they_live()
    {
        await using var peer = await TestPeer.StartAsync(Self, o => With(o, writeTimeout: TimeSpan.FromMilliseconds(60)));
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        using var appends = await fake.DialStreamAsync(peer.Url, "msgapp", Self);
        using var messages = await fake.DialStreamAsync(peer.Url, "message", Self);
        Assert.Equal("000000", Convert.ToHexStringLower(await appends.ReadBodyAsync(3)));
        Assert.Equal("0000000000000014" + "0808100018002000280030004000500058006800", Convert.ToHexStringLower(await messages.ReadBodyAsync(28)));
    }

    [Fact]
    public async Task Our_request_for_a_stream_has_etcds_headers()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        using var first = await fake.AcceptAsync();
        using var second = await fake.AcceptAsync();
        Assert.Equal(
            ["GET /raft/stream/message/71405583d3e2d5ce HTTP/1.1", "GET /raft/stream/msgapp/71405583d3e2d5ce HTTP/1.1"],
            new[] { first.StartLine, second.StartLine }.Order());
        Assert.Equal(
            ("71405583d3e2d5ce", "3.6.14", "3.0.0", "8d9fa1f3dd2c1d34", "321b4ccd5c32edea", peer.Url.ToString().TrimEnd('/')),
            (first.Headers["X-Server-From"], first.Headers["X-Server-Version"], first.Headers["X-Min-Cluster-Version"],
                first.Headers["X-Etcd-Cluster-ID"], first.Headers["X-Raft-To"], first.Headers["X-PeerURLs"]));
    }

    [Fact]
    public async Task What_comes_on_the_streams_reaches_the_member()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        var (messages, appends) = await AcceptBothAsync(fake);
        using (messages)
        using (appends)
        {
            // A link heartbeat, then a pre-vote, cut in the middle. No byte of it needs to come at once.
            await messages.WriteChunkAsync(Convert.FromHexString("0000000000000014" + "0808100018002000280030004000500058006800" + "00000000000000"));
            await messages.WriteChunkAsync(Convert.FromHexString("24" + "081110ceab8b9fbdb095a07118eadbcbe1d599d38d32"));
            await messages.WriteChunkAsync(Convert.FromHexString("2002280130024000500058006800"));
            await Wait.UntilAsync(() => peer.Receiver.Messages.Count == 1);
            await appends.WriteChunkAsync(Convert.FromHexString("00" + "02" + "000000000000002c" + "080310ceab8b9fbdb095a07118eadbcbe1d599d38d322002280130023a060800100218034002500058006800"));
            await appends.WriteChunkAsync(Convert.FromHexString("01" + "0000000000000001" + "0000000000000009" + "080010021804220161" + "0000000000000003"));
            await Wait.UntilAsync(() => peer.Receiver.Messages.Count == 3);
        }

        var received = peer.Receiver.Messages.ToArray();
        Assert.All(received, r => Assert.Equal((FakeMember.Id, FakeMember.Id, Self), (r.Peer, r.Message.From, r.Message.To)));
        Assert.Equal([MessageType.PreVote, MessageType.App, MessageType.App], received.Select(r => r.Message.Type));
        var last = received[2].Message;
        Assert.Equal((2ul, 2ul, 3ul, 3ul), (last.Term, last.LogTerm, last.Index, last.Commit));
        Assert.Equal("a"u8.ToArray(), Assert.Single(last.Entries).Data.ToArray());
    }

    [Fact]
    public async Task Without_a_stream_messages_are_posted()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        peer.Transport.Send(Heartbeat);
        using var request = await fake.AcceptAsync("POST /raft HTTP/1.1");
        Assert.Equal(("application/protobuf", "71405583d3e2d5ce", "8d9fa1f3dd2c1d34"),
            (request.Headers["Content-Type"], request.Headers["X-Server-From"], request.Headers["X-Etcd-Cluster-ID"]));
        Assert.Equal(HeartbeatBytes36, Convert.ToHexStringLower(await request.ReadWholeBodyAsync()));
        await request.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n");
        Assert.Empty(peer.Receiver.Unreachable);
    }

    [Fact]
    public async Task A_posted_message_is_never_sent_twice()
    {
        // What is proposed twice is applied twice. An HTTP client may be tempted to repeat a request when a connection that was used
        // before is closed without an answer.
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        // Nobody answers where a stream is asked for, so none is asked for on a connection that a post has left free.
        using var append = await fake.AcceptAsync("GET /raft/stream/msgapp/");
        using var message = await fake.AcceptAsync("GET /raft/stream/message/");
        peer.Transport.Send(Proposal("first"));
        using var connection = await fake.AcceptAsync("POST /raft ");
        await connection.ReadWholeBodyAsync();
        await connection.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n");
        await Wait.UntilAsync(() => peer.MetricsText().Contains("etcd_network_peer_sent_bytes_total{To=\"321b4ccd5c32edea\"} 5", StringComparison.Ordinal));
        peer.Transport.Send(Proposal("second"));
        await connection.ReadHeadAsync();
        Assert.Equal("POST /raft HTTP/1.1", connection.StartLine);
        Assert.True((await connection.ReadWholeBodyAsync()).AsSpan().IndexOf("second"u8) >= 0);
        connection.Dispose();
        await Wait.UntilAsync(() => peer.Receiver.Unreachable.Count == 1);
        peer.Transport.Send(Proposal("third"));
        using var next = await fake.AcceptAsync("POST /raft ");
        Assert.True((await next.ReadWholeBodyAsync()).AsSpan().IndexOf("third"u8) >= 0);
    }

    [Fact]
    public async Task A_refused_post_makes_the_member_unreachable()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        peer.Transport.Send(Heartbeat);
        using var request = await fake.AcceptAsync("POST /raft HTTP/1.1");
        await request.WriteAsync("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
        await Wait.UntilAsync(() => peer.Receiver.Unreachable.Contains(FakeMember.Id));
        Assert.Equal(0, peer.Receiver.RemovedFromClusterCalls);
    }

    [Theory]
    [InlineData("GET", "410 Gone", "removed member\n")]
    [InlineData("POST", "403 Forbidden", "{\"message\":\"cannot process message from removed member\"}")]
    public async Task A_member_hears_that_it_was_removed(string method, string status, string text)
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        peer.Transport.Send(Heartbeat);
        using var request = await fake.AcceptAsync(method);
        await request.WriteAsync($"HTTP/1.1 {status}\r\nContent-Length: {text.Length}\r\n\r\n{text}");
        await Wait.UntilAsync(() => peer.Receiver.RemovedFromClusterCalls > 0);
    }

    [Fact]
    public async Task A_message_for_another_member_does_not_stop_us()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        peer.Transport.Send(Heartbeat);
        using var request = await fake.AcceptAsync("POST /raft ");
        const string text = "{\"message\":\"cannot process message to mismatch member\"}";
        await request.WriteAsync($"HTTP/1.1 403 Forbidden\r\nContent-Length: {text.Length}\r\n\r\n{text}");
        await Wait.UntilAsync(() => peer.Receiver.Unreachable.Contains(FakeMember.Id));
        Assert.Equal(0, peer.Receiver.RemovedFromClusterCalls);
    }

    [Fact]
    public async Task A_stranger_that_names_its_address_gets_answers()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        using var refused = await fake.DialStreamAsync(peer.Url, "msgapp", Self);
        Assert.StartsWith("HTTP/1.1 404 ", refused.StartLine, StringComparison.Ordinal);
        peer.Transport.Send(Heartbeat);
        using var request = await fake.AcceptAsync();
        Assert.Equal("POST /raft HTTP/1.1", request.StartLine);
        await request.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n");

        // Later the configuration arrives, and the stranger is one no more.
        peer.Knows((FakeMember.Id, fake.Url));
        using var stream = await fake.DialStreamAsync(peer.Url, "msgapp", Self);
        Assert.Equal("HTTP/1.1 200 OK", stream.StartLine);
    }

    private static Message Proposal(string text) => new()
    {
        Type = MessageType.Prop, To = FakeMember.Id, From = Self, Entries = [new Entry(EntryType.Normal, 0, 0, System.Text.Encoding.ASCII.GetBytes(text))],
    };

    internal static async Task<(RawHttp Messages, RawHttp Appends)> AcceptBothAsync(FakeMember fake)
    {
        RawHttp? messages = null, appends = null;
        while (messages is null || appends is null)
        {
            var request = await fake.AcceptAsync("GET /raft/stream/");
            await request.WriteAsync("HTTP/1.1 200 OK\r\nX-Server-Version: 3.6.14\r\nTransfer-Encoding: chunked\r\n\r\n");
            if (request.StartLine.Contains("/message/", StringComparison.Ordinal))
                messages = request;
            else
                appends = request;
        }

        return (messages, appends);
    }

    internal static EtcdNet.Peer.Transport.PeerTransportOptions With(
        EtcdNet.Peer.Transport.PeerTransportOptions o, TimeSpan? writeTimeout = null, TimeSpan? readTimeout = null, int? streamBuffer = null,
        TimeSpan? probe = null, long snapshotRate = 0, System.Net.IPAddress? local = null) => new()
    {
        MemberId = o.MemberId, ClusterId = o.ClusterId, AdvertisedUrls = o.AdvertisedUrls, WriteTimeout = writeTimeout ?? o.WriteTimeout,
        ReadTimeout = readTimeout ?? o.ReadTimeout, StreamBuffer = streamBuffer ?? o.StreamBuffer, ProbeInterval = probe ?? o.ProbeInterval,
        SnapshotBytesPerSecond = snapshotRate, LocalAddress = local,
    };

    private static Message Append(ulong logTerm, ulong index, ulong commit, params Entry[] entries) => new()
    {
        Type = MessageType.App, To = FakeMember.Id, From = Self, Term = 2, LogTerm = logTerm, Index = index, Commit = commit, Entries = entries,
    };
}
