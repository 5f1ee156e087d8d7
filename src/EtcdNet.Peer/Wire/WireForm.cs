namespace EtcdNet.Peer.Wire;

/// <summary>
/// How the fields of a message are written. Every etcd reads both forms; a member gets the one that members of its own release
/// write, so that it never sees bytes it has not seen before.
/// </summary>
public enum WireForm
{
    /// <summary>etcd 3.6: the snapshot only when there is one, and the vote (field 13).</summary>
    Etcd36 = 0,

    /// <summary>etcd 3.4 and 3.5: always a snapshot, if need be an empty one, and no field 13.</summary>
    Etcd35,
}
