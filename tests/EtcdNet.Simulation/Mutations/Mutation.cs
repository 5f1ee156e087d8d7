using EtcdNet.Raft;

namespace EtcdNet.Simulation.Mutations;

/// <summary>
/// A deliberate bug. It comes in through seams that are there anyway (what goes to the log writer and to the network, the
/// core's internals between two rounds, the clients' way to read), so production code knows nothing of it. This one is none.
/// </summary>
internal class Mutation
{
    /// <summary>What it is called on the command line; empty for none.</summary>
    public virtual string Name => "";

    /// <summary>The bug in a few words.</summary>
    public virtual string What => "";

    /// <summary>No bug.</summary>
    public static Mutation None { get; } = new();

    /// <summary>The log's syncs do nothing.</summary>
    public virtual bool ForgetsToSync => false;

    /// <summary>A leader's snapshot is marked in the log before its state is on the disk.</summary>
    public virtual bool ForgetsReceivedState => false;

    /// <summary>Watchers are not told that a snapshot replaced the state.</summary>
    public virtual bool ForgetsWatchersOfSnapshot => false;

    /// <summary>A forwarded proposal may arrive twice.</summary>
    public virtual bool DoublesProposals => false;

    /// <summary>A leader answers reads from its own state.</summary>
    public virtual bool ReadsWithoutRound => false;

    /// <summary>Clients are answered when the leader has appended their write.</summary>
    public virtual bool AnswersBeforeCommit => false;

    /// <summary>A member has started.</summary>
    public virtual void OnStart(SimMember member)
    {
    }

    /// <summary>Work on its way to the log writer.</summary>
    public virtual Message OnAppend(SimMember member, Message message) => message;

    /// <summary>Entries on their way to the applier.</summary>
    public virtual void OnApply(SimMember member, IReadOnlyList<Entry> entries)
    {
    }

    /// <summary>A message on its way out.</summary>
    public virtual Message OnSend(SimMember member, Message message) => message;

    /// <summary>A message on its way in.</summary>
    public virtual Message OnReceive(SimMember member, Message message) => message;

    /// <summary>The loop has had a turn.</summary>
    public virtual void AfterLoop(SimMember member)
    {
    }

    /// <summary>The applier is about to do its spare-time work.</summary>
    public virtual void BeforeHousekeeping(SimMember member)
    {
    }
}
