using EtcdNet.Raft;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Peer.Transport;

/// <summary>
/// The member behind the transport. Called from many threads at once; except for <see cref="ReceiveSnapshot"/> nothing here may
/// block.
/// </summary>
public interface IPeerReceiver
{
    /// <summary>A message that <paramref name="peer"/> sent. Its addresses are to be checked here.</summary>
    PeerVerdict Receive(ulong peer, Message message);

    /// <summary>A snapshot and the state that it announces. Blocks on the stream; called on a thread of its own.</summary>
    /// <exception cref="IOException">The stream broke.</exception>
    /// <exception cref="InvalidDataException">It does not hold what it should.</exception>
    PeerVerdict ReceiveSnapshot(ulong peer, Message message, Stream state);

    /// <summary>A message to that member was dropped or could not be delivered.</summary>
    void ReportUnreachable(ulong peer);

    /// <summary>What became of a snapshot; comes once for each.</summary>
    void ReportSnapshot(ulong peer, bool ok);

    /// <summary>True for a former member.</summary>
    bool IsRemoved(ulong member);

    /// <summary>
    /// That member closed a connection and takes no new one: its process is gone. If it was the leader there is no need to wait
    /// for the election timeout. May come more than once, and does not come while only the network is silent.
    /// </summary>
    void PeerGone(ulong peer);

    /// <summary>Another member says that this one was removed from the cluster. It should stop. May come more than once.</summary>
    void RemovedFromCluster();
}
