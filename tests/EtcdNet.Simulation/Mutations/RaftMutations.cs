using EtcdNet.Raft;
using EtcdNet.Raft.Membership;
using EtcdNet.Raft.Quorum;

namespace EtcdNet.Simulation.Mutations;

internal sealed class CommitsOldTerms : Mutation
{
    public override string Name => "commit-old-term";

    public override string What => "a leader commits entries of former terms by counting (Raft paper §5.4.2)";

    public override void AfterLoop(SimMember member)
    {
        ulong counted = member.Node.Tracker.Committed;
        if (member.Node.Role == RaftRole.Leader && counted <= member.Node.LastIndex)
            member.Node.Log.CommitTo(counted);
    }
}

internal sealed class CommitsWithMinority : Mutation
{
    public override string Name => "commit-minority";

    public override string What => "one member less than a majority is enough to commit";

    public override void AfterLoop(SimMember member)
    {
        RaftNode node = member.Node;
        if (node.Role != RaftRole.Leader || node.Tracker.Configuration.IsJoint || node.Tracker.Configuration.Voters.Incoming.Count < 3)
            return;
        ulong[] matched = [.. node.Tracker.Members.Where(static progress => !progress.IsLearner).Select(static progress => progress.Match).OrderDescending()];
        ulong counted = matched[matched.Length / 2 - 1];
        if (node.Log.TermOrZero(counted) == node.Term)
            node.Log.CommitTo(counted);
    }
}

internal sealed class CountsLearners : Mutation
{
    public override string Name => "count-learners";

    public override string What => "learners count for a commit";

    public override void AfterLoop(SimMember member)
    {
        RaftNode node = member.Node;
        Configuration configuration = node.Tracker.Configuration;
        if (node.Role != RaftRole.Leader || configuration.IsJoint || configuration.Learners.Count == 0)
            return;
        var all = new MajorityQuorum([.. configuration.Voters.Ids, .. configuration.Learners]);
        ulong[] matched = [.. node.Tracker.Members.Select(static progress => progress.Match).OrderDescending()];
        // As many acknowledgements as the voters alone would need, whoever gave them.
        ulong counted = matched[Math.Min(all.Count, configuration.Voters.Incoming.Count) / 2];
        if (node.Log.TermOrZero(counted) == node.Term)
            node.Log.CommitTo(counted);
    }
}

internal sealed class ForgetsJointMajority : Mutation
{
    public override string Name => "forget-joint-majority";

    public override string What => "in a joint configuration the new majority decides alone (Raft paper §6)";

    public override void AfterLoop(SimMember member)
    {
        var tracker = member.Node.Tracker;
        if (!tracker.Configuration.IsJoint)
            return;
        MajorityQuorum incoming = tracker.Configuration.Voters.Incoming;
        tracker.Switch(tracker.Configuration with { Voters = new JointQuorum(incoming, incoming) }, tracker.Members);
    }
}

internal sealed class AppliesConfigurationTwice : Mutation
{
    public override string Name => "configuration-twice";

    public override string What => "a configuration change takes effect when it is handed out and again when it is applied";

    public override void OnApply(SimMember member, IReadOnlyList<Entry> entries)
    {
        foreach (Entry entry in entries)
        {
            if (ConfChangeCodec.DecodeEntry(entry) is { } change)
                member.Core!.Loop.ConfChangeApplied(change);
        }
    }
}

internal sealed class VotesForShorterLogs : Mutation
{
    public override string Name => "vote-for-any-log";

    public override string What => "a vote is given whatever the candidate's log lacks (Raft paper §5.4.1)";

    public override Message OnReceive(SimMember member, Message message) => message.Type is MessageType.Vote or MessageType.PreVote
        ? Messages.Copy(message, logTerm: message.Term, index: ulong.MaxValue >> 1)
        : message;
}

internal sealed class AppendsUnchecked : Mutation
{
    public override string Name => "append-unchecked";

    public override string What => "entries are appended although the entry before them has another term (Raft paper §5.3)";

    public override Message OnReceive(SimMember member, Message message)
    {
        if (message.Type != MessageType.App || message.Index > member.Node.LastIndex)
            return message;
        ulong own = member.Node.Log.TermOrZero(message.Index);
        return own == 0 || own >= message.Term ? message : Messages.Copy(message, logTerm: own);
    }
}

internal sealed class HeartbeatsCommitTooMuch : Mutation
{
    public override string Name => "heartbeat-commit";

    public override string What => "a heartbeat carries the leader's commit index beyond what the follower is known to hold";

    public override Message OnSend(SimMember member, Message message) =>
        message.Type == MessageType.Heartbeat ? Messages.Copy(message, commit: member.Node.CommitIndex) : message;

    // A real follower would stop at once on a commit index behind its log; this one believes what it can.
    public override Message OnReceive(SimMember member, Message message) => message.Type == MessageType.Heartbeat
        ? Messages.Copy(message, commit: Math.Min(message.Commit, member.Node.LastIndex))
        : message;
}
