using EtcdNet.Raft;
using EtcdNet.Raft.Membership;
using EtcdNet.StateMachine.Cluster;

namespace EtcdNet.Simulation;

/// <content>Who belongs to the cluster changes while it runs.</content>
internal sealed partial class World
{
    private const int MembersMax = 7;

    private void ChangeMembership()
    {
        if (AnyUp() is not { } asked)
            return;
        ConfState now = asked.Core!.State.Configuration;
        if (now.VotersOutgoing.Count > 0)
        {
            if (!now.AutoLeave)
                Propose(asked, new ConfChangeV2(), "leave the joint configuration");
            return;
        }

        int known = now.Voters.Count + now.Learners.Count;
        switch (Random.Next(7))
        {
            case 0 when known < MembersMax && NewMember() is { } added:
                Propose(asked, Adding(added.Id, learner: false), $"add {added}");
                break;
            case 1 when known < MembersMax && NewMember() is { } added:
                Propose(asked, Adding(added.Id, learner: true), $"add learner {added}");
                break;
            case 2 when now.Learners.Count > 0:
                ulong learner = AnyOf(now.Learners);
                Propose(asked, Adding(learner, learner: false, promote: true), $"promote {NameOf(learner)}");
                break;
            case 3 when now.Voters.Count > 1:
                ulong removed = AnyOf(now.Voters);
                Propose(asked, Removing(removed), $"remove {NameOf(removed)}");
                break;
            case 4 when now.Learners.Count > 0:
                ulong dropped = AnyOf(now.Learners);
                Propose(asked, Removing(dropped), $"remove learner {NameOf(dropped)}");
                break;
            default:
                ProposeSeveral(asked, now);
                break;
        }
    }

    private void ProposeSeveral(SimMember asked, ConfState now)
    {
        var changes = new List<ConfChange>();
        var voters = new HashSet<ulong>(now.Voters);
        if (now.Voters.Count + now.Learners.Count < MembersMax && Random.Next(2) == 0 && NewMember() is { } added)
        {
            bool asLearner = Random.Next(3) == 0;
            changes.Add(Adding(added.Id, asLearner));
            if (!asLearner)
                voters.Add(added.Id);
        }

        foreach (ulong learner in now.Learners.Where(_ => Random.Next(3) == 0))
            changes.Add(Adding(learner, learner: false, promote: true));
        foreach (ulong voter in now.Voters)
        {
            if (voters.Count > 1 && changes.Count < 4 && Random.Next(3) == 0)
            {
                voters.Remove(voter);
                changes.Add(Removing(voter));
            }
        }

        if (changes.Count == 0)
            return;
        var change = new ConfChangeV2
        {
            Transition = (ConfChangeTransition)Random.Next(3),
            Changes = [.. changes.Select(static single => new ConfChangeSingle(single.Type, single.NodeId))],
            Context = MemberJson.WriteContexts(changes.Select(static single => single.Context.IsEmpty ? "null"u8.ToArray() : single.Context.ToArray())),
        };
        Propose(asked, change, $"change several members ({string.Join(", ", changes.Select(single => $"{single.Type} {NameOf(single.NodeId)}"))}; {change.Transition})");
    }

    private void Propose(SimMember asked, ConfChange change, string what)
    {
        Say(asked, $"is asked to {what}");
        // Nobody waits for the answer; the member forgets it when its time is over.
        _ = asked.Core!.Proposer.ProposeConfChangeAsync(change, default);
        asked.PlanLoop(0);
    }

    private void Propose(SimMember asked, ConfChangeV2 change, string what)
    {
        Say(asked, $"is asked to {what}");
        asked.Core!.Loop.ProposeConfChange(0, EntryType.ConfChangeV2, ConfChangeCodec.Encode(change));
        asked.PlanLoop(0);
    }

    private SimMember? NewMember()
    {
        // One that was proposed before and did not get in is tried again.
        if (_members.Find(member => member.IsUp && member.Machine.ConsistentIndex == 0 && member.Node.LastIndex == 0) is { } waiting)
            return waiting;
        if (!_spareIds.TryDequeue(out ulong id))
            return null;
        var made = new SimMember(this, _members.Count + 1, id, []);
        _members.Add(made);
        made.Start();
        return made;
    }

    private static ConfChange Removing(ulong id) => new() { Type = ConfChangeType.RemoveNode, NodeId = id };

    private ulong AnyOf(IReadOnlyList<ulong> ids) => ids[Random.Next(ids.Count)];
}
