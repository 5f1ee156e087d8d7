using EtcdNet.Raft;
using EtcdNet.Raft.Membership;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.Storage;
using EtcdNet.Storage.WriteAhead;
using Serilog;

namespace EtcdNet.Server;

/// <summary>
/// Makes a cluster of one out of the data of a member whose others are lost for good (<c>--force-new-cluster</c>): the log gets
/// committed entries that remove them. What this member had not known to be committed is kept, since it may have been acknowledged
/// (etcd drops it).
/// </summary>
internal static class LoneCluster
{
    /// <summary>Writes those entries; gives the log with them.</summary>
    /// <exception cref="DataDirectoryException">This member is none any more, or a change of several members is under way.</exception>
    public static EntryLog Make(MemberFiles store, StateMachine.StateMachine machine, ConfState configuration, MemberOptions options, ILogger log)
    {
        ulong self = store.Wal.Metadata.MemberId;
        (SortedSet<ulong> voters, SortedSet<ulong> learners) = After(configuration, store, machine);
        if (!voters.Contains(self) && !learners.Contains(self))
            throw new DataDirectoryException($"{store.Directory.Root} cannot become a cluster of its own: member {self:x} was removed from its cluster");
        HardState before = store.Wal.HardState;
        ulong index = Math.Max(store.Wal.LastIndex, machine.ConsistentIndex);
        ulong term = Math.Max(before.Term, machine.ConsistentTerm);
        var entries = new List<Entry>();
        if (learners.Contains(self))
            Add(new ConfChange { Type = ConfChangeType.AddNode, NodeId = self, Context = MemberJson.WriteContext(new Member { Id = self, PeerUrls = options.PeerUrls }, isPromote: true) });
        foreach (ulong other in voters.Concat(learners).Where(id => id != self))
            Add(new ConfChange { Type = ConfChangeType.RemoveNode, NodeId = other });
        var state = before with { Term = term, Commit = index };
        store.Wal.Save(state, entries);
        log.ForContext("local-member-id", $"{self:x}").Warning("forcing a new cluster of this member alone; {Removed} members are removed", entries.Count);
        return store.NewEntryLog(configuration, state, entries);

        void Add(ConfChange change) => entries.Add(new Entry(EntryType.ConfChange, term, ++index, ConfChangeCodec.Encode(change)));
    }

    /// <summary>Who the members are at the end of the log.</summary>
    private static (SortedSet<ulong> Voters, SortedSet<ulong> Learners) After(ConfState configuration, MemberFiles store, StateMachine.StateMachine machine)
    {
        if (configuration.VotersOutgoing.Count > 0 || store.Contents.Entries.Any(static entry => entry.Type == EntryType.ConfChangeV2))
            throw new DataDirectoryException($"{store.Directory.Root} cannot become a cluster of its own: a change of several members was under way");
        var (voters, learners) = (new SortedSet<ulong>(configuration.Voters), new SortedSet<ulong>(configuration.Learners));
        foreach (Entry entry in store.Contents.Entries.Where(entry => entry.Type == EntryType.ConfChange && entry.Index > machine.ConsistentIndex))
        {
            ConfChange change = ConfChangeCodec.Decode(entry.Data);
            if (change.Type is ConfChangeType.UpdateNode)
                continue;
            voters.Remove(change.NodeId);
            learners.Remove(change.NodeId);
            if (change.Type is ConfChangeType.AddNode)
                voters.Add(change.NodeId);
            if (change.Type is ConfChangeType.AddLearnerNode)
                learners.Add(change.NodeId);
        }
        return (voters, learners);
    }
}
