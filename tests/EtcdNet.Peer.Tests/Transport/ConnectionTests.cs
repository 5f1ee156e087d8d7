using System.Net;
using EtcdNet.Peer.Tests.Support;
using EtcdNet.Raft;

namespace EtcdNet.Peer.Tests.Transport;

/// <summary>Connections that break, stall, fill up or move.</summary>
public sealed class ConnectionTests
{
    private const ulong Self = 0x71405583d3e2d5ce;

    [Fact]
    public async Task Two_members_exchange_everything_in_order()
    {
        await using var one = await TestPeer.StartAsync(1);
        await using var two = await TestPeer.StartAsync(2);
        await ConnectAsync(one, two);
        const int count = 2_000;
        for (var i = 1; i <= count; i++)
        {
            one.Transport.Send(Append(1, 2, (ulong)i - 1, new byte[i % 300]));
            one.Transport.Send(new Message { Type = MessageType.Heartbeat, From = 1, To = 2, Term = 1, Commit = (ulong)i });
            two.Transport.Send(new Message { Type = MessageType.AppResp, From = 2, To = 1, Term = 1, Index = (ulong)i });
        }

        await Wait.UntilAsync(() => two.Receiver.Messages.Count == 2 * count && one.Receiver.Messages.Count == count);
        var appends = two.Receiver.Messages.Select(m => m.Message).Where(m => m.Type == MessageType.App).ToList();
        Assert.Equal(Enumerable.Range(1, count), appends.Select(m => (int)m.Entries[0].Index));
        Assert.Equal(Enumerable.Range(1, count).Select(i => i % 300), appends.Select(m => m.Entries[0].Data.Length));
        Assert.Equal(Enumerable.Range(1, count), two.Receiver.Messages.Where(m => m.Message.Type == MessageType.Heartbeat).Select(m => (int)m.Message.Commit));
        Assert.Equal(Enumerable.Range(1, count), one.Receiver.Messages.Select(m => (int)m.Message.Index));
        Assert.Empty(one.Receiver.Unreachable);
    }

    [Theory]
    [InlineData("127.0.0.1", null)]
    [InlineData("127.0.0.1", "127.0.0.2")]
    [InlineData("localhost", "127.0.0.2")]
    public async Task All_connections_leave_from_the_local_address(string host, string? local)
    {
        await using var peer = await TestPeer.StartAsync(Self, o => FakeMemberTests.With(o, local: local is null ? null : IPAddress.Parse(local)));
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, new Uri($"http://{host}:{fake.Url.Port}")));
        peer.Transport.Send(new Message { Type = MessageType.Heartbeat, From = Self, To = FakeMember.Id, Term = 1, Commit = 1 });
        var kinds = new HashSet<string>();
        while (kinds.Count < 3)
        {
            using var request = await fake.AcceptAsync();
            Assert.Equal(local ?? "127.0.0.1", request.RemoteAddress.ToString());
            var path = request.StartLine.Split(' ')[1];
            if (path == "/raft" || path.StartsWith("/raft/stream/", StringComparison.Ordinal))
                kinds.Add(path);
        }
    }

    [Fact]
    public async Task A_local_address_that_is_none_of_this_machine_is_named_and_nothing_connects()
    {
        // TEST-NET-1: no machine has it.
        using var http = new HttpClient(EtcdNet.Peer.Transport.BoundDialer.NewHandler(IPAddress.Parse("192.0.2.1")));
        using var fake = new FakeMember();
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(fake.Url));
        Assert.Contains("cannot connect from the member's local address 192.0.2.1", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broken_stream_is_dialled_again()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        for (var i = 1; i <= 3; i++)
        {
            using var stream = await fake.AcceptStreamAsync("message");
            await stream.WriteChunkAsync(Heartbeat(i));
            var expected = i;
            await Wait.UntilAsync(() => peer.Receiver.Messages.Count == expected);
        }
    }

    [Fact]
    public async Task A_stream_that_sends_nonsense_is_dialled_again()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        using var first = await fake.AcceptStreamAsync("message");
        await first.WriteChunkAsync(Convert.FromHexString("ffffffffffffffff"));
        using var second = await fake.AcceptStreamAsync("message");
        await second.WriteChunkAsync(Heartbeat(1));
        await Wait.UntilAsync(() => peer.Receiver.Messages.Count == 1);
    }

    [Fact]
    public async Task A_silent_stream_is_dialled_again()
    {
        await using var peer = await TestPeer.StartAsync(Self, o => FakeMemberTests.With(o, readTimeout: TimeSpan.FromMilliseconds(100)));
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        using var first = await fake.AcceptStreamAsync("message");
        using var second = await fake.AcceptStreamAsync("message");
        Assert.True(await first.IsClosedAsync());
    }

    [Fact]
    public async Task A_dead_process_is_noticed_at_once()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        var (messages, appends) = await FakeMemberTests.AcceptBothAsync(fake);
        await Wait.UntilAsync(() => peer.Transport.ActiveSince(FakeMember.Id) is not null);
        fake.StopListening();
        messages.Dispose();
        appends.Dispose();
        await Wait.UntilAsync(() => peer.Receiver.Gone > 0 && peer.Transport.ActiveSince(FakeMember.Id) is null);
    }

    [Fact]
    public async Task A_process_that_only_changes_connections_is_not_gone()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        using (var first = await fake.AcceptStreamAsync("message"))
            await first.WriteChunkAsync(Heartbeat(1));
        using var second = await fake.AcceptStreamAsync("message");
        await second.WriteChunkAsync(Heartbeat(2));
        await Wait.UntilAsync(() => peer.Receiver.Messages.Count == 2);
        Assert.Equal(0, peer.Receiver.Gone);
    }

    [Fact]
    public async Task A_new_connection_replaces_the_old_one()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        using var old = await fake.DialStreamAsync(peer.Url, "message", Self);
        using var current = await fake.DialStreamAsync(peer.Url, "message", Self);
        Assert.True(await old.IsClosedAsync());
        await Wait.UntilAsync(() => peer.Transport.ActiveSince(FakeMember.Id) is not null);
        peer.Transport.Send(new Message { Type = MessageType.TimeoutNow, From = Self, To = FakeMember.Id, Term = 1 });
        Assert.Equal(0x0e, (await current.ReadBodyAsync(10))[9]);
    }

    [Fact]
    public async Task Heartbeats_pass_entries_that_nobody_takes()
    {
        await using var peer = await TestPeer.StartAsync(Self, o => FakeMemberTests.With(o, streamBuffer: 64));
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        using var messages = await fake.DialStreamAsync(peer.Url, "message", Self);
        using var appends = await fake.DialStreamAsync(peer.Url, "msgapp", Self);
        await Wait.UntilAsync(() => peer.MetricsText().Contains("etcd_network_active_peers{Local=\"71405583d3e2d5ce\",Remote=\"321b4ccd5c32edea\"} 1", StringComparison.Ordinal));

        // The fake reads no entry, so they fill the network and then the buffer; what does not fit is dropped and reported.
        for (var i = 0; i < 200; i++)
            peer.Transport.Send(Append(Self, FakeMember.Id, (ulong)i, new byte[100_000]));
        peer.Transport.Send(new Message { Type = MessageType.Heartbeat, From = Self, To = FakeMember.Id, Term = 1, Commit = 77 });
        var length = (await messages.ReadBodyAsync(8))[7];
        var heartbeat = await messages.ReadBodyAsync(length);
        Assert.Equal((8, 77), (heartbeat[1], heartbeat[Array.LastIndexOf(heartbeat, (byte)0x40) + 1]));
        Assert.Contains(FakeMember.Id, peer.Receiver.Unreachable);
    }

    [Fact]
    public async Task A_receiver_that_takes_nothing_is_cut_off()
    {
        await using var peer = await TestPeer.StartAsync(Self, o => FakeMemberTests.With(o, writeTimeout: TimeSpan.FromMilliseconds(300)));
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        using var appends = await fake.DialStreamAsync(peer.Url, "msgapp", Self);
        await Wait.UntilAsync(() => peer.Transport.ActiveSince(FakeMember.Id) is not null);
        for (var i = 0; i < 100; i++)
            peer.Transport.Send(Append(Self, FakeMember.Id, (ulong)i, new byte[1_000_000]));
        await Wait.UntilAsync(() => peer.Receiver.Unreachable.Contains(FakeMember.Id) && peer.Transport.ActiveSince(FakeMember.Id) is null);
        Assert.True(await appends.IsClosedAsync());
    }

    [Fact]
    public async Task A_removed_member_is_let_go_and_told()
    {
        await using var one = await TestPeer.StartAsync(1);
        await using var two = await TestPeer.StartAsync(2);
        await ConnectAsync(one, two);
        one.Receiver.Removed[2] = true;
        one.Transport.MembersChanged([one.Member], [2]);
        await Wait.UntilAsync(() => two.Receiver.RemovedFromClusterCalls > 0 && one.Transport.ActiveSince(2) is null);
        Assert.Equal(0, two.Receiver.Gone);
        one.Transport.Send(new Message { Type = MessageType.Heartbeat, From = 1, To = 2, Term = 1 });
        Assert.Contains(2ul, one.Receiver.Unreachable);
    }

    [Fact]
    public async Task A_member_that_moves_is_found_again()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var old = new FakeMember();
        peer.Knows((FakeMember.Id, old.Url));
        var first = await old.AcceptStreamAsync("message");
        using var moved = new FakeMember();
        peer.Knows((FakeMember.Id, moved.Url));
        old.StopListening();
        first.Dispose();
        using var second = await moved.AcceptStreamAsync("message");
        await second.WriteChunkAsync(Heartbeat(1));
        await Wait.UntilAsync(() => peer.Receiver.Messages.Count == 1);
    }

    [Fact]
    public async Task Round_trips_and_bytes_are_measured()
    {
        await using var one = await TestPeer.StartAsync(1, o => FakeMemberTests.With(o, probe: TimeSpan.FromMilliseconds(20)));
        await using var two = await TestPeer.StartAsync(2);
        await ConnectAsync(one, two);
        one.Transport.Send(new Message { Type = MessageType.Heartbeat, From = 1, To = 2, Term = 1 });
        await Wait.UntilAsync(() => two.Receiver.Messages.Count == 1);
        await Wait.UntilAsync(() => System.Text.RegularExpressions.Regex.IsMatch(one.MetricsText(), "etcd_network_peer_round_trip_time_seconds_count\\{To=\"2\"\\} [1-9]"));
        Assert.Matches("etcd_network_peer_sent_bytes_total\\{To=\"2\"\\} [1-9]", one.MetricsText());
        await Wait.UntilAsync(() => System.Text.RegularExpressions.Regex.IsMatch(two.MetricsText(), "etcd_network_peer_received_bytes_total\\{From=\"1\"\\} [1-9]"));
    }

    private static async Task ConnectAsync(TestPeer one, TestPeer two)
    {
        one.Knows(two);
        two.Knows(one);
        foreach (var (a, b) in new[] { (one, two), (two, one) })
        {
            // Both streams are there when a message of each kind arrives without having been posted.
            await Wait.UntilAsync(() => a.Transport.HasStreamsTo(b.Id));
        }
    }

    private static Message Append(ulong from, ulong to, ulong index, byte[] data) => new()
    {
        Type = MessageType.App, From = from, To = to, Term = 1, LogTerm = index == 0 ? 0ul : 1, Index = index,
        Entries = [new Entry(EntryType.Normal, 1, index + 1, data)],
    };

    private static byte[] Heartbeat(int commit) =>
        Convert.FromHexString($"0000000000000024080810ceab8b9fbdb095a07118eadbcbe1d599d38d3220022800300040{commit:x2}500058006800");
}
