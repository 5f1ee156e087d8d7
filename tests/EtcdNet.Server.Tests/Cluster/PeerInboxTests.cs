using EtcdNet.Raft;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Server.Tests.Cluster;

/// <summary>What a member lets in from others, and what it does not.</summary>
public sealed class PeerInboxTests
{
    [Fact]
    public async Task Only_what_the_sender_may_say_is_let_in()
    {
        await using var world = new ClusterWorld(2);
        await world.StartAllAsync();
        PeerInbox inbox = world[1].Peers;
        ulong self = inbox.MemberId, peer = world[2].Peers.MemberId;
        Message Say(MessageType type, ulong from, ulong to) => new() { Type = type, From = from, To = to, Term = 1 };

        Assert.Equal(PeerVerdict.Taken, inbox.Receive(peer, Say(MessageType.Heartbeat, peer, self)));
        Assert.Equal(PeerVerdict.Refused, inbox.Receive(peer, Say(MessageType.Heartbeat, peer, peer)));
        Assert.Equal(PeerVerdict.Refused, inbox.Receive(peer, Say(MessageType.Heartbeat, 99, self)));
        Assert.Equal(PeerVerdict.Refused, inbox.Receive(peer, Say(MessageType.AppResp, self, self)));
        Assert.Equal(PeerVerdict.Refused, inbox.Receive(peer, Say(MessageType.StorageAppendResp, peer, self)));
        Assert.Equal(PeerVerdict.Refused, inbox.Receive(peer, Say(MessageType.Heartbeat, LocalThreads.Append, self)));
        Assert.Equal(PeerVerdict.Refused, inbox.Receive(peer, Say(MessageType.ReadIndex, LocalThreads.Apply, self)));
        Assert.Equal(PeerVerdict.Refused, inbox.Receive(peer, Say(MessageType.Snap, peer, self)));
        Assert.Equal(PeerVerdict.Refused, inbox.ReceiveSnapshot(peer, Say(MessageType.Snap, peer, self), Stream.Null));
    }

    [Fact]
    public async Task A_snapshot_that_breaks_off_leaves_no_trace()
    {
        await using var world = new ClusterWorld(2);
        await world.StartAllAsync();
        PeerInbox inbox = world[1].Peers;
        ulong peer = world[2].Peers.MemberId;
        var snapshot = new Snapshot(new SnapshotMetadata(new ConfState { Voters = [1, 2] }, 1000, 1), default);
        var message = new Message { Type = MessageType.Snap, From = peer, To = inbox.MemberId, Term = 1, Snapshot = snapshot };
        for (int attempt = 0; attempt < 3; attempt++)
        {
            Assert.Throws<EndOfStreamException>(() => inbox.ReceiveSnapshot(peer, message, new MemoryStream(new byte[7])));
            Assert.Throws<InvalidDataException>(() => inbox.ReceiveSnapshot(peer, message, new MemoryStream(new byte[700])));
        }

        await ClusterWorld.PutAsync(world[1], "k", "v");
        await world.AgreeAsync();
    }
}
