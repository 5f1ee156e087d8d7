using System.Numerics;
using EtcdNet.Raft;
using EtcdNet.Server.Membership;
using EtcdNet.Server.Snapshots;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Storage.WriteAhead;
using Serilog;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// The consensus part of a member, wired up: loop, log writer and applier with what is between them. It has no threads of
/// its own: <see cref="ConsensusThreads"/> runs it, or a simulator.
/// </summary>
internal sealed class MemberCore : IDisposable
{
    private readonly TimeProvider _time;
    private readonly OutgoingSnapshots _outgoing;
    private readonly ILogger _log;
    private readonly TimeSpan _electionTimeout;
    private readonly TimeSpan _requestTimeout;
    private long _leaderSince;
    private volatile LeaderStart _leaderStart = new(0, 0);

    /// <param name="parts">What was recovered from the disk.</param>
    /// <param name="settings">Timing and limits.</param>
    /// <param name="housekeeping">Makes the applier's spare-time work.</param>
    /// <param name="time">Clock of this member.</param>
    /// <param name="log">Log of the process.</param>
    public MemberCore(CoreParts parts, CoreSettings settings, Func<MemberCore, IHousekeeping> housekeeping, TimeProvider time, ILogger log)
    {
        _time = time;
        _log = log.ForContext<MemberCore>();
        _electionTimeout = settings.ElectionTicks * settings.TickInterval;
        _requestTimeout = settings.Proposals.RequestTimeout;
        StateMachine.StateMachine machine = parts.Machine;
        WalMetadata identity = parts.Wal.Metadata;
        State = new ConsensusState(identity.MemberId, identity.ClusterId);
        State.PublishConfiguration(parts.Configuration);
        State.PublishAppliedConfiguration(parts.Configuration);
        State.PublishApplied(machine.AppliedIndex, machine.ConsistentTerm);
        Ids = new RequestIdGenerator(settings.FirstRequestId);
        Loop = new RaftLoop(new RaftNode(settings.ForRaft(identity.MemberId, machine.AppliedIndex), parts.Entries), State, Pending, settings.TickInterval, time, log);
        Proposer = new Proposer(State, Pending, Ids, Loop, settings.Proposals, time);
        // Late answers to an earlier life must not be taken for those of this one, nor another member's: rounds begin at random as well.
        Reads = new ReadIndexGate(BitOperations.RotateLeft(settings.FirstRequestId, 32), State, Loop.ReadIndex, settings.Proposals.RequestTimeout, time);
        Writer = new LogWriter(parts.Wal, parts.Entries, Loop.Incoming, Deliver, Loop.Wake, time);
        Housekeeping = housekeeping(this);
        ulong committed = parts.Entries.InitialState().HardState.Commit;
        Applier = new Applier(machine, State, Pending, Loop, Housekeeping, committed, time, log) { SlowApply = settings.SlowApply };
        _outgoing = new OutgoingSnapshots(State, () => parts.Entries.FirstIndex, Applier.Run, () => parts.States.Capture(Applier.Configuration));
        Inbox = new PeerInbox(State, Loop, machine.Members, Loop.Incoming, parts.States);
        parts.Entries.SetSnapshotSource(_outgoing.Offer);
        Loop.Outgoing = _outgoing;
        Loop.AppendWork = Writer.Append;
        Loop.ApplyWork = Applier.Apply;
        Loop.ReadConfirmed = Reads.Confirmed;
        Loop.Ticked = OnTick;
        Loop.LeaderChanged = OnLeaderChanged;
        Writer.Install = Applier.Install;
        Applier.Applied = Reads.Applied;
        Applier.NewTermApplied = OnNewTermApplied;
        Applier.MembersChanged = () => Loop.Transport.MembersChanged(
            machine.Members.Members, [.. machine.Members.Removed.Except(Applier.Configuration.VotersOutgoing)]);
    }

    public ConsensusState State { get; }

    public PendingProposals Pending { get; } = new();

    public RequestIdGenerator Ids { get; }

    public RaftLoop Loop { get; }

    public LogWriter Writer { get; }

    public Applier Applier { get; }

    public IHousekeeping Housekeeping { get; }

    public Proposer Proposer { get; }

    public ReadIndexGate Reads { get; }

    /// <summary>Where the transport hands in what it received.</summary>
    public PeerInbox Inbox { get; }

    /// <summary>Told on the loop's thread, after the waiting reads were.</summary>
    public Action<LeaderChange> LeaderChanged { get; set; } = static _ => { };

    /// <summary>Told on the applier's thread when the first entry of a term is applied.</summary>
    public Action<ulong> NewTermApplied { get; set; } = static _ => { };

    /// <summary>What is known of the connections to the other members.</summary>
    public IPeerConnections Connections { get; set; } = new NoConnections();

    /// <summary>Clients that waited too long.</summary>
    public long ProposalsFailed { get; private set; }

    /// <summary>Ends all waits; after the threads have stopped.</summary>
    public void Dispose()
    {
        Pending.Close(EtcdError.Stopped.ToException());
        Reads.Close(EtcdError.Stopped.ToException());
        _outgoing.Dispose();
    }

    /// <summary>Answers of the log writer: most are for this member itself.</summary>
    private void Deliver(Message message)
    {
        if (message.To == State.MemberId)
            Loop.StepLazily(message);
        else
            Loop.Transport.Send(message);
    }

    private void OnTick()
    {
        ProposalsFailed += Pending.Expire(_time.GetTimestamp(), WhyLate);
        Reads.Tick();
        HandOverWhenStalled();
    }

    private void OnLeaderChanged(LeaderChange change)
    {
        Reads.LeaderChanged();
        if (change.Leader != 0)
        {
            _leaderSince = _time.GetTimestamp();
            if (_leaderStart.Term != change.Term)
                _leaderStart = new LeaderStart(change.Term, Loop.LastProposed);
        }
        LeaderChanged(change);
    }

    /// <summary>
    /// What was proposed under an earlier leader and is not applied when the first entry of the new one is, was lost with the old one
    /// (at best it is passed on once more): its clients need not wait for the end of their time.
    /// </summary>
    private void OnNewTermApplied(ulong term)
    {
        LeaderStart start = _leaderStart;
        if (start.Term == term && start.LastProposed != 0)
            Pending.FailUpTo(start.LastProposed, EtcdError.TimeoutDueToLeaderFail.ToException());
        NewTermApplied(term);
    }

    /// <summary>A leader that cannot write keeps its place, since it goes on to send heartbeats; others could serve better.</summary>
    private void HandOverWhenStalled()
    {
        long since = Writer.WritingSince;
        if (since == 0 || !State.IsLeader || Loop.Node.LeadTransferee != 0 || _time.GetElapsedTime(since) < _electionTimeout)
            return;
        // Only to one whose disk has done what this one's has not: when all stand still nobody is better off.
        if (Leadership.Successor(Loop.Node.Status, mustBeAhead: true) is not { } successor)
            return;
        _log.Warning("the disk has stood still for {Elapsed}; handing the leadership to {Successor:x}", _time.GetElapsedTime(since), successor);
        Loop.TransferLeader(successor);
    }

    /// <summary>etcd's three time-outs (surface rule 51).</summary>
    private EtcdException WhyLate(long deadline)
    {
        long started = deadline - (long)(_requestTimeout.TotalSeconds * _time.TimestampFrequency);
        long elected = _leaderSince;
        long lost = elected - (long)(2 * _electionTimeout.TotalSeconds * _time.TimestampFrequency);
        if (started > lost && started < elected)
            return EtcdError.TimeoutDueToLeaderFail.ToException();
        return (WasConnectedSince(started) ? EtcdError.Timeout : EtcdError.TimeoutDueToConnectionLost).ToException();
    }

    private bool WasConnectedSince(long started)
    {
        DateTimeOffset then = _time.GetUtcNow() - _time.GetElapsedTime(started);
        IReadOnlyList<ulong> voters = State.Configuration.Voters;
        if (State.Leader == 0)
            return true;
        if (!State.IsLeader)
            return IsConnected(State.Leader);
        return voters.Count(id => id == State.MemberId || IsConnected(id)) > voters.Count / 2;

        bool IsConnected(ulong id) => Connections.ActiveSince(id) is { } since && since <= then;
    }

    private sealed record LeaderStart(ulong Term, ulong LastProposed);
}

/// <summary>What a member brought back from its disk.</summary>
/// <param name="Wal">The write-ahead log, open for writing.</param>
/// <param name="Entries">Its entries in memory.</param>
/// <param name="Machine">The state machine at a checkpoint, or empty.</param>
/// <param name="Configuration">Who votes at that point.</param>
/// <param name="States">Sends and receives whole states.</param>
internal sealed record CoreParts(
    Wal Wal, EntryLog Entries, StateMachine.StateMachine Machine, ConfState Configuration, IStateStore States);

/// <summary>Timing and limits of the consensus part.</summary>
internal sealed record CoreSettings
{
    /// <summary>Id of the first request: random, of 63 bits, another one at each start.</summary>
    public required ulong FirstRequestId { get; init; }

    /// <summary>Length of a Raft tick.</summary>
    public required TimeSpan TickInterval { get; init; }

    /// <summary>Ticks of silence after which a follower campaigns.</summary>
    public required int ElectionTicks { get; init; }

    public bool PreVote { get; init; } = true;

    public bool CheckQuorum { get; init; } = true;

    /// <summary>Source of election timeouts.</summary>
    public required Random Random { get; init; }

    public IRaftLogger? RaftLogger { get; init; }

    public ProposerLimits Proposals { get; init; } = new();

    public TimeSpan SlowApply { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Most bytes of one append message.</summary>
    public ulong MessageBytesMax { get; init; } = 1 << 20;

    /// <summary>Most append messages on their way to one member.</summary>
    public int InflightMessagesMax { get; init; } = 512;

    /// <summary>Most payload bytes in the uncommitted tail.</summary>
    public ulong UncommittedBytesMax { get; init; } = 1UL << 30;

    /// <summary>The settings of the Raft core.</summary>
    public RaftOptions ForRaft(ulong memberId, ulong applied) => new()
    {
        Id = memberId,
        ElectionTick = ElectionTicks,
        HeartbeatTick = 1,
        Applied = applied,
        AsyncStorageWrites = true,
        CheckQuorum = CheckQuorum,
        PreVote = PreVote,
        MaxSizePerMessage = MessageBytesMax,
        MaxInflightMessages = InflightMessagesMax,
        MaxUncommittedEntriesSize = UncommittedBytesMax,
        Random = Random,
        Logger = RaftLogger,
    };
}
