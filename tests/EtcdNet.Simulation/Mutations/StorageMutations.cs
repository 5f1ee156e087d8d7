using EtcdNet.Raft;

namespace EtcdNet.Simulation.Mutations;

internal sealed class AckBeforeSync : Mutation
{
    public override string Name => "ack-before-sync";

    public override string What => "answers leave before the log is synced";

    public override bool ForgetsToSync => true;
}

internal sealed class VoteForgotten : Mutation
{
    public override string Name => "vote-twice";

    public override string What => "the vote is not stored: after a restart a second one in the same term is possible";

    public override Message OnAppend(SimMember member, Message message) =>
        message.HardState.IsEmpty ? message : Messages.Copy(message, vote: 0);
}

internal sealed class TermForgotten : Mutation
{
    public override string Name => "term-not-stored";

    public override string What => "term and vote are stored only together with entries";

    public override Message OnAppend(SimMember member, Message message) =>
        message.Entries.Count > 0 || message.Snapshot is not null ? message : Messages.Copy(message, term: 0, vote: 0, commit: 0);
}

internal sealed class LeaderCountsUnsynced : Mutation
{
    public override string Name => "count-unsynced";

    public override string What => "a leader counts itself for a commit before its own entries are on the disk";

    public override Message OnAppend(SimMember member, Message message) => Messages.AnswerEarly(member, message, MessageType.AppResp);
}

internal sealed class LeadsBeforeVoteIsStored : Mutation
{
    public override string Name => "lead-unsynced";

    public override string What => "a candidate counts its own vote before term and vote are on the disk";

    public override Message OnAppend(SimMember member, Message message) => Messages.AnswerEarly(member, message, MessageType.VoteResp);
}

internal sealed class SnapshotNotDurable : Mutation
{
    public override string Name => "snapshot-not-durable";

    public override string What => "a leader's snapshot is marked in the log before its state is on the disk";

    public override bool ForgetsReceivedState => true;
}

internal sealed class LogReleasedTooEarly : Mutation
{
    public override string Name => "release-too-much";

    public override string What => "the log is released up to what is applied instead of what is in a checkpoint";

    public override void BeforeHousekeeping(SimMember member) => member.Core!.Writer.ReleaseBefore(member.Machine.ConsistentIndex + 1);
}

internal sealed class TrimmedUnderRaft : Mutation
{
    public override string Name => "trim-under-raft";

    public override string What => "entries are dropped from memory as soon as they are applied, though Raft does not know that yet";

    public override void BeforeHousekeeping(SimMember member)
    {
        if (member.Machine.ConsistentIndex > member.Store.Entries.FirstIndex)
            member.Store.Entries.Trim(member.Machine.ConsistentIndex, entriesMax: 0, bytesMax: 0);
    }
}
