using EtcdNet.Raft;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Peer.Transport;

/// <summary>Hands what the transport receives to the inbox of a running member.</summary>
/// <param name="inbox">The member's inbox.</param>
/// <param name="removed">See <see cref="IPeerReceiver.RemovedFromCluster"/>.</param>
public sealed class InboxReceiver(PeerInbox inbox, Action removed) : IPeerReceiver
{
    /// <inheritdoc/>
    public PeerVerdict Receive(ulong peer, Message message) => inbox.Receive(peer, message);

    /// <inheritdoc/>
    public PeerVerdict ReceiveSnapshot(ulong peer, Message message, Stream state) => inbox.ReceiveSnapshot(peer, message, state);

    /// <inheritdoc/>
    public void ReportUnreachable(ulong peer) => inbox.ReportUnreachable(peer);

    /// <inheritdoc/>
    public void ReportSnapshot(ulong peer, bool ok) => inbox.ReportSnapshot(peer, ok);

    /// <inheritdoc/>
    public bool IsRemoved(ulong member) => inbox.IsRemoved(member);

    /// <inheritdoc/>
    public void PeerGone(ulong peer) => inbox.ReportGone(peer);

    /// <inheritdoc/>
    public void RemovedFromCluster() => removed();
}
