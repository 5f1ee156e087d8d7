using System.Text;
using EtcdNet.Peer.Tests.Support;
using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Snapshots;

namespace EtcdNet.Peer.Tests.Transport;

/// <summary>Snapshots on their way out and in.</summary>
public sealed class SnapshotTests
{
    private const ulong Self = 0x71405583d3e2d5ce;
    private const string MessageBytes = "080710eadbcbe1d599d38d3218ceab8b9fbdb095a07120022800300040004a0c120a0a0408012800100518015000580068" + "00";

    private static Message Snap => new()
    {
        Type = MessageType.Snap, To = FakeMember.Id, From = Self, Term = 2,
        Snapshot = new Snapshot(new SnapshotMetadata(new ConfState { Voters = [1] }, 5, 1), default),
    };

    [Fact]
    public async Task A_snapshot_is_posted_as_message_and_state()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        var state = new FakeState(s => s.Write("the database"u8));
        peer.Transport.SendSnapshot(Snap, state);
        using var request = await fake.AcceptAsync("POST /raft/snapshot HTTP/1.1");
        Assert.Equal(("application/octet-stream", "chunked", "71405583d3e2d5ce", false),
            (request.Headers["Content-Type"], request.Headers["Transfer-Encoding"], request.Headers["X-Server-From"], request.Headers.ContainsKey("X-Raft-To")));
        Assert.Equal($"{MessageBytes.Length / 2:x16}{MessageBytes}" + Convert.ToHexStringLower("the database"u8), Convert.ToHexStringLower(await request.ReadWholeBodyAsync()));
        Assert.Empty(peer.Receiver.SnapshotReports);
        await request.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n");
        await Wait.UntilAsync(() => peer.Receiver.SnapshotReports.Count == 1);
        Assert.Equal((FakeMember.Id, true), peer.Receiver.SnapshotReports.Single());
        Assert.Equal(1, state.Disposals);
    }

    [Theory]
    [InlineData("500 Internal Server Error")]
    [InlineData("412 Precondition Failed")]
    public async Task A_refused_snapshot_is_reported_once(string status)
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        var state = new FakeState(s => s.Write("x"u8));
        peer.Transport.SendSnapshot(Snap, state);
        using var request = await fake.AcceptAsync("POST /raft/snapshot ");
        await request.ReadWholeBodyAsync();
        await request.WriteAsync($"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        await Wait.UntilAsync(() => peer.Receiver.SnapshotReports.Count == 1);
        Assert.Equal((FakeMember.Id, false), peer.Receiver.SnapshotReports.Single());
        Assert.Equal(1, state.Disposals);
    }

    [Fact]
    public async Task A_state_that_cannot_be_read_is_a_failed_snapshot()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        var state = new FakeState(_ => throw new InvalidDataException("the disk is bad"));
        peer.Transport.SendSnapshot(Snap, state);
        await Wait.UntilAsync(() => peer.Receiver.SnapshotReports.Count == 1);
        Assert.Equal((false, 1), (peer.Receiver.SnapshotReports.Single().Ok, state.Disposals));
    }

    [Fact]
    public async Task Nobody_there_is_a_failed_snapshot_and_so_is_a_stranger()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        fake.StopListening();
        var (first, second) = (new FakeState(_ => { }), new FakeState(_ => { }));
        peer.Transport.SendSnapshot(Snap, first);
        await Wait.UntilAsync(() => peer.Receiver.SnapshotReports.Count == 1 && first.Disposals == 1);
        peer.Knows(Array.Empty<TestPeer>());
        peer.Transport.SendSnapshot(Snap, second);
        Assert.Equal((2, 1), (peer.Receiver.SnapshotReports.Count, second.Disposals));
        Assert.All(peer.Receiver.SnapshotReports, r => Assert.False(r.Ok));
    }

    [Fact]
    public async Task One_snapshot_at_a_time()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        peer.Transport.SendSnapshot(Snap, new FakeState(s => s.Write("x"u8)));
        using var request = await fake.AcceptAsync("POST /raft/snapshot ");
        var second = new FakeState(_ => Assert.Fail("the second must not be sent"));
        peer.Transport.SendSnapshot(Snap, second);
        Assert.Equal((false, 1), (Assert.Single(peer.Receiver.SnapshotReports).Ok, second.Disposals));
        await request.ReadWholeBodyAsync();
        await request.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n");
        await Wait.UntilAsync(() => peer.Receiver.SnapshotReports.Count == 2);
    }

    [Fact]
    public async Task A_large_state_arrives_as_it_was_beside_other_messages()
    {
        await using var one = await TestPeer.StartAsync(1);
        await using var two = await TestPeer.StartAsync(2);
        one.Knows(two);
        two.Knows(one);
        var piece = new byte[77_777];
        new Random(1).NextBytes(piece);
        const int pieces = 400;
        one.Transport.SendSnapshot(
            new Message { Type = MessageType.Snap, From = 1, To = 2, Term = 1, Snapshot = new Snapshot(new SnapshotMetadata(new ConfState { Voters = [1, 2] }, 9, 1), default) },
            new FakeState(s =>
            {
                for (var i = 0; i < pieces; i++)
                    s.Write(piece);
            }));
        one.Transport.Send(new Message { Type = MessageType.Heartbeat, From = 1, To = 2, Term = 1 });
        await Wait.UntilAsync(() => two.Receiver.Messages.Count == 2 && one.Receiver.SnapshotReports.Count == 1);
        Assert.True(one.Receiver.SnapshotReports.Single().Ok);
        Assert.Equal(pieces * piece.Length, two.Receiver.State.Length);
        for (var i = 0; i < pieces; i++)
            Assert.True(two.Receiver.State.AsSpan(i * piece.Length, piece.Length).SequenceEqual(piece));
    }

    [Fact]
    public async Task A_snapshot_goes_no_faster_than_allowed()
    {
        await using var peer = await TestPeer.StartAsync(Self, o => FakeMemberTests.With(o, snapshotRate: 1 << 20));
        using var fake = new FakeMember();
        peer.Knows((FakeMember.Id, fake.Url));
        var started = System.Diagnostics.Stopwatch.StartNew();
        peer.Transport.SendSnapshot(Snap, new FakeState(s => s.Write(new byte[1 << 20])));
        using var request = await fake.AcceptAsync("POST /raft/snapshot ");
        await request.ReadWholeBodyAsync();

        // The last of eight pieces may leave when seven eighths of the second are over.
        Assert.InRange(started.Elapsed, TimeSpan.FromSeconds(0.8), Wait.Limit);
        await request.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n");
        await Wait.UntilAsync(() => peer.Receiver.SnapshotReports.Count == 1);
    }

    [Fact]
    public async Task A_posted_snapshot_reaches_the_member_with_its_state()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        using var fake = new FakeMember();
        using var answer = await PostAsync(fake, peer);
        Assert.StartsWith("HTTP/1.1 204 ", answer.StartLine, StringComparison.Ordinal);
        var (sender, message) = Assert.Single(peer.Receiver.Messages);
        Assert.Equal((FakeMember.Id, MessageType.Snap, 5ul), (sender, message.Type, message.Snapshot!.Metadata.Index));
        Assert.Equal("the database", Encoding.ASCII.GetString(peer.Receiver.State));
    }

    [Theory]
    [InlineData(PeerVerdict.Removed, 403, "{\"message\":\"cannot process message from removed member\"}")]
    [InlineData(PeerVerdict.Busy, 500, "failed to process raft message\n")]
    public async Task A_snapshot_that_is_not_wanted_is_refused(PeerVerdict verdict, int status, string text)
    {
        await using var peer = await TestPeer.StartAsync(Self);
        peer.Receiver.Verdict = verdict;
        using var fake = new FakeMember();
        using var answer = await PostAsync(fake, peer);
        Assert.StartsWith($"HTTP/1.1 {status} ", answer.StartLine, StringComparison.Ordinal);
        Assert.Equal(text, Encoding.UTF8.GetString(await answer.ReadWholeBodyAsync()));
    }

    [Fact]
    public async Task A_snapshot_that_cannot_be_saved_is_an_error_with_its_reason()
    {
        await using var peer = await TestPeer.StartAsync(Self);
        peer.Receiver.ReadState = _ => throw new IOException("no space left on device");
        using var fake = new FakeMember();
        using var answer = await PostAsync(fake, peer);
        Assert.StartsWith("HTTP/1.1 500 ", answer.StartLine, StringComparison.Ordinal);
        Assert.Equal("failed to save KV snapshot (no space left on device)\n", Encoding.UTF8.GetString(await answer.ReadWholeBodyAsync()));
        Assert.Matches("etcd_network_snapshot_receive_failures\\{From=\"321b4ccd5c32edea\"\\} 1", peer.MetricsText());
    }

    private static Task<RawHttp> PostAsync(FakeMember fake, TestPeer peer)
    {
        const string message = "080710ceab8b9fbdb095a07118eadbcbe1d599d38d3220022800300040004a0c120a0a0408012800100518015000580068" + "00";
        byte[] body = [.. Convert.FromHexString($"{message.Length / 2:x16}{message}"), .. "the database"u8];
        return fake.PostAsync(peer.Url, "/raft/snapshot", body, "application/octet-stream");
    }

    private sealed class FakeState(Action<Stream> write) : IOutgoingSnapshot
    {
        private int _disposals;

        public int Disposals => Volatile.Read(ref _disposals);

        public SnapshotMetadata Metadata => Snap.Snapshot!.Metadata;

        public void WriteTo(Stream stream) => write(stream);

        public void Dispose() => Interlocked.Increment(ref _disposals);
    }
}
