using EtcdNet.Raft.Membership;
using EtcdNet.Raft.Reads;
using EtcdNet.Raft.Tracking;

namespace EtcdNet.Raft;

/// <summary>
/// One member's Raft state machine (Raft paper, extended by thesis and etcd practice). Pure: no clock, thread, disk or network.
/// The caller feeds events (<see cref="Tick"/>, <see cref="Step"/>, <see cref="Propose"/>, …) and does the work that
/// <see cref="Ready"/> asks for. Not thread-safe: one owner calls in. README.md writes the owner's loop out.
/// </summary>
/// <remarks>A <see cref="RaftInvariantException"/> from any call means the node must be stopped.</remarks>
public sealed partial class RaftNode
{
    private readonly RaftOptions _options;
    private readonly ulong _id;
    private readonly RaftTrace _trace;
    private readonly RaftLog _log;
    private readonly ReadOnlyQueue _reads = new();
    private ProgressTracker _tracker;

    private ulong _term;
    private ulong _vote;
    private ulong _lead;
    private RaftRole _role;
    private int _electionElapsed;
    private int _heartbeatElapsed;
    private int _randomizedElectionTimeout;

    /// <summary>Starts from what storage holds, as a follower.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public RaftNode(RaftOptions options, IRaftStorage storage)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(storage);
        options.Validate();
        (_options, _id) = (options, options.Id);
        _trace = new RaftTrace(options.Logger);
        _log = new RaftLog(storage, options.AppliedWindow, _trace);
        _tracker = NewTracker();

        var (hardState, configuration) = storage.InitialState();
        RestoreConfiguration(configuration);
        LoadHardState(hardState);
        if (options.Applied > 0)
        {
            // What was applied was committed, even if the stored commit index does not say so yet.
            _log.CommitTo(options.Applied);
            _log.AppliedTo(options.Applied, 0);
        }

        BecomeFollower(_term, 0);
        _previousSoftState = SoftState;
        _previousHardState = HardState;
        LogStart();
    }

    /// <summary>This member.</summary>
    public ulong Id => _id;

    /// <summary>Current term.</summary>
    public ulong Term => _term;

    /// <summary>Leader of the current term as known here, 0 for none.</summary>
    public ulong Leader => _lead;

    /// <summary>What this member is.</summary>
    public RaftRole Role => _role;

    /// <summary>Highest index known to be committed.</summary>
    public ulong CommitIndex => _log.Committed;

    /// <summary>Highest index reported as applied.</summary>
    public ulong AppliedIndex => _log.Applied;

    /// <summary>Index of the last entry of the log, durable or not.</summary>
    public ulong LastIndex => _log.LastIndex;

    /// <summary>A received snapshot waits until the entries handed out before it are applied.</summary>
    public bool HoldsSnapshot => _heldSnapshot is not null;

    /// <summary>The member that this leader is handing over to, 0 for none.</summary>
    public ulong LeadTransferee => _leadTransferee;

    /// <summary>A copy of the state; progress only when leading.</summary>
    public RaftStatus Status => new()
    {
        Id = _id, Term = _term, Vote = _vote, Commit = _log.Committed, Applied = _log.Applied, Lead = _lead, Role = _role,
        LeadTransferee = _leadTransferee, Config = _tracker.Configuration.ToConfState(),
        Progress = _role == RaftRole.Leader ? Array.ConvertAll(_tracker.Members, m => m.ToStatus()) : [],
    };

    internal RaftLog Log => _log;

    internal ProgressTracker Tracker => _tracker;

    private SoftState SoftState => new(_lead, _role);

    private HardState HardState => new(_term, _vote, _log.Committed);

    /// <summary>Time moves by one tick.</summary>
    public void Tick()
    {
        if (_role == RaftRole.Leader)
            TickLeader();
        else
            TickElection();
    }

    /// <summary>Start an election now (a pre-election when <see cref="RaftOptions.PreVote"/> is on).</summary>
    public void Campaign() => Hup(_options.PreVote ? CampaignKind.PreElection : CampaignKind.Election);

    /// <summary>
    /// Takes a message from another member, or an answer of a local worker. Old, duplicate and unknown messages do no harm.
    /// </summary>
    public StepResult Step(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        var fromWorker = LocalThreads.Contains(message.From);
        if (MessageTypes.IsLocal(message.Type) && !fromWorker)
            return StepResult.LocalMessageRefused;
        if (MessageTypes.IsResponse(message.Type) && !fromWorker && _tracker.Find(message.From) is null)
            return StepResult.PeerNotFound;
        if (!fromWorker && MessageTypes.NeedsTerm(message.Type) && (message.Term == 0 || message.From == 0))
            return StepResult.Malformed;
        return Handle(message);
    }

    /// <summary>A message to <paramref name="id"/> could not be delivered: go back to probing it.</summary>
    public void ReportUnreachable(ulong id)
    {
        if (_role == RaftRole.Leader && _tracker.Find(id) is { } member)
            HandleUnreachable(member);
    }

    /// <summary>How sending a snapshot to <paramref name="id"/> went. Must be called, or nothing more is sent to it.</summary>
    public void ReportSnapshot(ulong id, bool ok)
    {
        if (_role == RaftRole.Leader && _tracker.Find(id) is { } member)
            HandleSnapshotStatus(member, ok);
    }

    /// <summary>A follower forgets its leader, so that it may vote without waiting; refused with lease based reads.</summary>
    public void ForgetLeader()
    {
        if (_role == RaftRole.Follower)
            HandleForgetLeader();
    }

    /// <summary>Asks the leader to hand over to <paramref name="transferee"/>; given up after an election timeout.</summary>
    public void TransferLeader(ulong transferee) =>
        Handle(new Message { Type = MessageType.TransferLeader, From = transferee });

    internal void SetRandomizedElectionTimeout(int ticks) => _randomizedElectionTimeout = ticks;

    /// <summary>Compares terms (Raft paper §5.1), then acts by type and role.</summary>
    private StepResult Handle(Message message)
    {
        if (message.Term > _term)
        {
            if (IgnoresVoteInLease(message))
                return StepResult.Handled;
            FollowHigherTerm(message);
        }
        else if (message.Term != 0 && message.Term < _term)
        {
            AnswerLowerTerm(message);
            return StepResult.Handled;
        }

        switch (message.Type)
        {
            case MessageType.StorageAppendResp:
                HandleStorageAppended(message);
                return StepResult.Handled;
            case MessageType.StorageApplyResp:
                HandleStorageApplied(message);
                return StepResult.Handled;
            case MessageType.Vote or MessageType.PreVote:
                HandleVoteRequest(message);
                return StepResult.Handled;
            case MessageType.Prop:
                return HandleForwardedProposal(message);
            default:
                StepByRole(message);
                return StepResult.Handled;
        }
    }

    private void StepByRole(Message message)
    {
        switch (_role)
        {
            case RaftRole.Leader:
                StepLeader(message);
                break;
            case RaftRole.Follower:
                StepFollower(message);
                break;
            default:
                StepCandidate(message);
                break;
        }
    }

    private void FollowHigherTerm(Message message)
    {
        // A pre-vote is about a term that may never come, so it changes nothing here. A granted pre-vote carries that same future
        // term; a rejection carries the term of the rejecting member, which is real.
        if (message.Type == MessageType.PreVote || (message.Type == MessageType.PreVoteResp && !message.Reject))
            return;
        _trace.Write(RaftLogLevel.Info, $"{_id:x} [term: {_term}] received a {Describe.Type(message.Type)} message with higher term from {message.From:x} [term: {message.Term}]");
        var fromLeader = message.Type is MessageType.App or MessageType.Heartbeat or MessageType.Snap;
        BecomeFollower(message.Term, fromLeader ? message.From : 0);
    }

    private void AnswerLowerTerm(Message message)
    {
        switch (message.Type)
        {
            case MessageType.Heartbeat or MessageType.App when _options.CheckQuorum || _options.PreVote:
                // The sender leads an old term and would never hear of the new one: with pre-vote or a lease this member cannot
                // disturb it by campaigning. An answer at our term makes it step down.
                Send(new Message { Type = MessageType.AppResp, To = message.From, From = _id, Term = _term });
                break;
            case MessageType.PreVote:
                // Tell the candidate our term, else it could ask in vain for ever.
                LogVote("rejected", message);
                Send(new Message { Type = MessageType.PreVoteResp, To = message.From, From = _id, Term = _term, Reject = true });
                break;
            case MessageType.StorageAppendResp:
                // What became durable under an old term may have been overwritten since. A snapshot is committed state: still good.
                if (message.Index != 0)
                    _trace.Write(RaftLogLevel.Info, $"{_id:x} [term: {_term}] ignored entry appends from a {Describe.Type(message.Type)} message with lower term [term: {message.Term}]");
                if (message.Snapshot is not null)
                    AppliedSnapshot(message.Snapshot);
                break;
            default:
                _trace.Write(RaftLogLevel.Info, $"{_id:x} [term: {_term}] ignored a {Describe.Type(message.Type)} message with lower term from {message.From:x} [term: {message.Term}]");
                break;
        }
    }

    private ProgressTracker NewTracker() => new(_options.MaxInflightMessages, _options.MaxInflightBytes);

    private void LoadHardState(HardState state)
    {
        if (state.IsEmpty)
            return;

        // A stored commit index may lag behind the snapshot, as it need not be synced; it may never be ahead of the log.
        Invariant.Holds(state.Commit <= _log.LastIndex,
            $"state.commit {state.Commit} is out of range [{_log.Committed}, {_log.LastIndex}]");
        _log.CommitTo(state.Commit);
        (_term, _vote) = (state.Term, state.Vote);
    }

    private void LogStart()
    {
        if (!_trace.IsEnabled(RaftLogLevel.Info))
            return;
        var peers = string.Join(',', _tracker.Configuration.Voters.Ids.Select(id => $"{id:x}"));
        var last = _log.LastId;
        _trace.Write(RaftLogLevel.Info, $"newRaft {_id:x} [peers: [{peers}], term: {_term}, commit: {_log.Committed}, applied: {_log.Applied}, lastindex: {last.Index}, lastterm: {last.Term}]");
    }
}
