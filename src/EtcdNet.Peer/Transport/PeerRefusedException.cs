namespace EtcdNet.Peer.Transport;

/// <summary>Another member answered, and its answer is no.</summary>
internal sealed class PeerRefusedException(string message, bool isRemoved = false) : Exception(message)
{
    /// <summary>It says that this member is not part of the cluster any more.</summary>
    public bool IsRemoved { get; } = isRemoved;
}
