using EtcdNet.Raft;

namespace EtcdNet.Server.Consensus;

/// <summary>Carries messages to the other members. Never blocks: what cannot be sent now is dropped, Raft sends again.</summary>
public interface IPeerTransport
{
    /// <summary>Sends one message to <c>message.To</c>.</summary>
    void Send(Message message);
}

/// <summary>The transport of a cluster of one.</summary>
public sealed class NoPeers : IPeerTransport
{
    /// <inheritdoc/>
    public void Send(Message message) =>
        throw new InvalidOperationException($"a cluster of one has nobody to send {message.Type} to (member {message.To:x})");
}
