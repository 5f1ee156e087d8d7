using System.Text.Json;
using EtcdNet.Raft;
using EtcdNet.StateMachine.Cluster;
using Google.Protobuf;

namespace EtcdNet.Server.Consensus;

/// <summary>A change of several members as a list of single ones, which is how the member list understands it.</summary>
internal static class MemberChanges
{
    /// <summary>The single changes, each with its own context; one without a fitting context gets none and is refused by the member list.</summary>
    public static IReadOnlyList<Protocol.Raftpb.ConfChange> Of(ConfChangeV2 change)
    {
        IReadOnlyList<byte[]> contexts = Contexts(change);
        var changes = new Protocol.Raftpb.ConfChange[change.Changes.Count];
        for (int i = 0; i < changes.Length; i++)
        {
            changes[i] = new Protocol.Raftpb.ConfChange
            {
                Type = (Protocol.Raftpb.ConfChangeType)change.Changes[i].Type,
                NodeId = change.Changes[i].NodeId,
                Context = i < contexts.Count ? ByteString.CopyFrom(contexts[i]) : ByteString.Empty,
            };
        }
        return changes;
    }

    private static IReadOnlyList<byte[]> Contexts(ConfChangeV2 change)
    {
        try
        {
            return change.Context.IsEmpty ? [] : MemberJson.ReadContexts(change.Context);
        }
        catch (JsonException)
        {
            return [];
        }
    }
}
