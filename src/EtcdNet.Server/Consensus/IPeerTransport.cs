using EtcdNet.Raft;
using EtcdNet.Server.Snapshots;
using EtcdNet.StateMachine.Cluster;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// Carries messages to the other members. Never blocks: what cannot be sent now is dropped, Raft sends again. Messages may
/// be lost, late, out of order and doubled, except that a <see cref="MessageType.Prop"/> must never arrive twice: what was
/// proposed twice is applied twice.
/// </summary>
public interface IPeerTransport
{
    /// <summary>
    /// Sends one message, which is no <see cref="MessageType.Snap"/>, to <c>message.To</c>. Loop's or log writer's thread.
    /// A member that cannot be reached is told to <see cref="PeerInbox.ReportUnreachable"/>.
    /// </summary>
    void Send(Message message);

    /// <summary>
    /// Sends a <see cref="MessageType.Snap"/> together with the state that it announces, on a thread of its own. The
    /// transport owns <paramref name="state"/> and disposes it; exactly once, when it is known, it tells
    /// <see cref="PeerInbox.ReportSnapshot"/> how it went, or nothing more is sent to that member.
    /// </summary>
    void SendSnapshot(Message message, IOutgoingSnapshot state);

    /// <summary>
    /// Who belongs to the cluster now, and who never will again. Who is in neither list keeps its connection: it is on its
    /// way out through a joint configuration. Applier's thread, after every change; also when the transport is set.
    /// </summary>
    void MembersChanged(IReadOnlyList<Member> members, IReadOnlyList<ulong> removed);
}

/// <summary>The transport of a cluster of one.</summary>
public sealed class NoPeers : IPeerTransport
{
    /// <inheritdoc/>
    public void Send(Message message) =>
        throw new InvalidOperationException($"a cluster of one has nobody to send {message.Type} to (member {message.To:x})");

    /// <inheritdoc/>
    public void SendSnapshot(Message message, IOutgoingSnapshot state)
    {
        state.Dispose();
        Send(message);
    }

    /// <inheritdoc/>
    public void MembersChanged(IReadOnlyList<Member> members, IReadOnlyList<ulong> removed)
    {
    }
}
