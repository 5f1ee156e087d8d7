namespace EtcdNet.Simulation.Mutations;

internal sealed class ReadsWithoutQuorum : Mutation
{
    public override string Name => "read-without-quorum";

    public override string What => "a leader answers a read without asking a quorum whether it still leads";

    public override bool ReadsWithoutRound => true;
}

internal sealed class ReadsBeforeApplied : Mutation
{
    public override string Name => "read-before-applied";

    public override string What => "a confirmed read does not wait until its index is applied";

    public override void OnStart(SimMember member)
    {
        var core = member.Core!;
        core.Loop.ReadConfirmed = (round, _) => core.Reads.Confirmed(round, 0);
    }
}

internal sealed class AnswersBeforeCommitted : Mutation
{
    public override string Name => "answer-before-commit";

    public override string What => "a client is answered when its write is in the leader's log";

    public override bool AnswersBeforeCommit => true;
}

internal sealed class ProposalsDoubled : Mutation
{
    public override string Name => "proposal-doubled";

    public override string What => "the transport may deliver a forwarded proposal twice";

    public override bool DoublesProposals => true;
}

internal sealed class WatchersMissSnapshot : Mutation
{
    public override string Name => "watch-misses-snapshot";

    public override string What => "watchers are not told that a snapshot replaced the state";

    public override bool ForgetsWatchersOfSnapshot => true;
}
