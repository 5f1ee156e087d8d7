using System.Text;
using EtcdNet.Peer.Tests.Support;
using EtcdNet.Peer.Transport;
using EtcdNet.Raft;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Peer.Tests.Transport;

/// <summary>
/// A cluster of two: a real etcd and our core with our transport. No write is committed without both, so each passing write proves
/// that both understood every byte.
/// </summary>
public sealed class RealEtcdTests
{
    [Fact]
    public async Task We_follow_a_real_leader_and_lead_a_real_follower()
    {
        await using var etcd = new RealEtcd();
        RaftMember? member = null;
        TestPeer? peer = null;
        await using var ours = peer = await TestPeer.StartAsync(
            0, o => new PeerTransportOptions
            {
                MemberId = OwnId(o), ClusterId = etcd.ClusterWith(OwnId(o)), AdvertisedUrls = o.AdvertisedUrls,
            }, new Relay(() => member!));
        using var raft = member = new RaftMember(ours.Id, new SnapshotMetadata(new ConfState { Voters = [.. new[] { ours.Id, etcd.Id }.Order()] }, 2, 1), () => peer!.Transport);
        ours.Knows((etcd.Id, new Uri(etcd.PeerUrl)));
        etcd.Start(ours.Url.ToString().TrimEnd('/'));
        await Wait.UntilAsync(() => raft.Leader == etcd.Id);
        await PutAsync(etcd, "followed", raft);
        Assert.Equal(etcd.Id, raft.Leader);

        // Now the other way round: etcd hands over to us, and its clients' writes come to us as proposals.
        raft.Post(r => r.TransferLeader(ours.Id));
        await Wait.UntilAsync(() => raft.Leader == ours.Id);
        await PutAsync(etcd, "led", raft);
        Assert.Equal(ours.Id, raft.Leader);
        Assert.Equal("led", (await etcd.Client.RangeAsync("led")).Answer.Kvs.Single().Value.ToStringUtf8());
        Assert.True(ours.Transport.HasStreamsTo(etcd.Id));
        raft.ThrowIfFailed();
    }

    private static ulong OwnId(PeerTransportOptions options) => RealEtcd.IdOf(options.AdvertisedUrls[0]);

    private static async Task PutAsync(RealEtcd etcd, string key, RaftMember raft)
    {
        await etcd.PutAsync(key);
        await Wait.UntilAsync(() => raft.Applied.Any(entry => entry.AsSpan().IndexOf(Encoding.ASCII.GetBytes(key)) >= 0));
    }

    /// <summary>The transport needs its member and the member its id, which comes from the transport's address.</summary>
    private sealed class Relay(Func<RaftMember> member) : IPeerReceiver
    {
        public PeerVerdict Receive(ulong peer, Message message) => member().Receive(peer, message);

        public PeerVerdict ReceiveSnapshot(ulong peer, Message message, Stream state) => member().ReceiveSnapshot(peer, message, state);

        public void ReportUnreachable(ulong peer) => member().ReportUnreachable(peer);

        public void ReportSnapshot(ulong peer, bool ok) => member().ReportSnapshot(peer, ok);

        public bool IsRemoved(ulong id) => false;

        public void PeerGone(ulong peer)
        {
        }

        public void RemovedFromCluster() => Assert.Fail("we were not removed");
    }
}
