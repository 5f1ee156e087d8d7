using EtcdNet.Raft;
using EtcdNet.Raft.Membership;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Server;

/// <summary>Which member of which cluster a data directory belongs to, and how a new cluster begins.</summary>
internal static class MemberIdentity
{
    /// <summary>Ids of this member in a new cluster, as etcd computes them, or of one that joins.</summary>
    public static WalMetadata Of(MemberOptions options)
    {
        if (options.Joins is { } joins)
            return joins;
        ulong member = MemberIds.OfMember(options.PeerUrls, options.ClusterToken);
        return new WalMetadata(member, MemberIds.OfCluster(InitialMembers(options).Select(static initial => initial.Id)));
    }

    /// <summary>
    /// The first entries of a new cluster: its members are added. They count as committed from the start, since every
    /// member writes the same (surface section 5.6).
    /// </summary>
    public static (HardState State, IReadOnlyList<Entry> Entries) FirstEntries(MemberOptions options)
    {
        Entry[] entries = [.. InitialMembers(options).OrderBy(static member => member.Id).Select(ToEntry)];
        return (new HardState(Term: 1, Vote: 0, Commit: (ulong)entries.Length), entries);
    }

    private static IEnumerable<Member> InitialMembers(MemberOptions options)
    {
        IReadOnlyList<IReadOnlyList<string>> all = options.InitialCluster.Count == 0 ? [options.PeerUrls] : options.InitialCluster;
        return all.Select(urls => new Member { Id = MemberIds.OfMember(urls, options.ClusterToken), PeerUrls = urls });
    }

    private static Entry ToEntry(Member member, int position)
    {
        var change = new ConfChange { Type = ConfChangeType.AddNode, NodeId = member.Id, Context = MemberJson.WriteContext(member) };
        return new Entry(EntryType.ConfChange, Term: 1, Index: (ulong)position + 1, ConfChangeCodec.Encode(change));
    }
}
