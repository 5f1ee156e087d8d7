using EtcdNet.Raft;
using EtcdNet.Raft.Membership;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Server;

/// <summary>Which member of which cluster a data directory belongs to, and how a new cluster of one begins.</summary>
internal static class MemberIdentity
{
    /// <summary>Ids of a new cluster of one, as etcd computes them.</summary>
    public static WalMetadata Of(MemberOptions options)
    {
        ulong member = MemberIds.OfMember(options.PeerUrls, options.ClusterToken);
        return new WalMetadata(member, MemberIds.OfCluster([member]));
    }

    /// <summary>
    /// The first entry of a new cluster: this member is added. It counts as committed from the start, since there is
    /// nobody who could disagree (surface section 5.6).
    /// </summary>
    public static (HardState State, Entry Entry) FirstEntry(MemberOptions options, ulong memberId)
    {
        var change = new ConfChange
        {
            Type = ConfChangeType.AddNode,
            NodeId = memberId,
            Context = MemberJson.WriteContext(new Member { Id = memberId, PeerUrls = options.PeerUrls }),
        };
        var entry = new Entry(EntryType.ConfChange, Term: 1, Index: 1, ConfChangeCodec.Encode(change));
        return (new HardState(Term: 1, Vote: 0, Commit: 1), entry);
    }
}
