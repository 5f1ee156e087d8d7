using EtcdNet.Raft;

namespace EtcdNet.Peer.Wire;

/// <summary>
/// Says on an idle stream that the connection lives. It looks like a heartbeat of Raft from nobody to nobody, and never reaches Raft.
/// </summary>
internal static class LinkHeartbeat
{
    public static Message Message { get; } = new() { Type = MessageType.Heartbeat };

    public static bool Is(Message message) => message is { Type: MessageType.Heartbeat, From: 0, To: 0 };
}
