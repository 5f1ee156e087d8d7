using System.Buffers.Binary;
using EtcdNet.Raft;
using EtcdNet.Server.Snapshots;
using Serilog;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// The only owner of the <see cref="RaftNode"/>. Takes everything that waits (proposals, messages, reads, finished
/// storage work, time), steps the node, and passes on what the node wants done: writes to the <see cref="LogWriter"/>,
/// committed entries to the <see cref="Applier"/>, messages to the peers. Does no IO itself, so a slow disk never
/// keeps it from answering a heartbeat. A thread drives it through <see cref="Run"/>, a simulator through
/// <see cref="RunOnce"/>.
/// </summary>
public sealed class RaftLoop
{
    private readonly RaftNode _node;
    private readonly ConsensusState _state;
    private readonly PendingProposals _pending;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly TimeSpan _tickInterval;
    private readonly Mailbox<RaftInput> _inbox = new();
    private readonly List<ReadOnlyMemory<byte>> _proposalData = [];
    private readonly List<ulong> _proposalIds = [];
    private readonly List<(ulong Id, EntryType Type, ReadOnlyMemory<byte> Data)> _confChanges = [];
    private readonly List<Message> _heldMessages = [];
    private List<RaftInput> _batch = [];
    private long _lastTick;
    private int _writes;
    private bool _campaignWhenAlone;
    private bool _proposalsWereHeld;
    private bool _snapshotUnderJudgement;

    internal RaftLoop(
        RaftNode node, ConsensusState state, PendingProposals pending, TimeSpan tickInterval, TimeProvider time, ILogger log)
    {
        _node = node;
        _state = state;
        _pending = pending;
        _tickInterval = tickInterval;
        _time = time;
        _log = log.ForContext<RaftLoop>();
        _lastTick = time.GetTimestamp();
    }

    /// <summary>Takes the writes of the node; set before the loop runs.</summary>
    internal Action<Message> AppendWork { get; set; } = static _ => throw new InvalidOperationException("no log writer");

    /// <summary>Takes the committed entries; set before the loop runs.</summary>
    internal Action<Message> ApplyWork { get; set; } = static _ => throw new InvalidOperationException("no applier");

    /// <summary>Takes confirmed reads: round and index; set before the loop runs.</summary>
    internal Action<ulong, ulong> ReadConfirmed { get; set; } = static (_, _) => { };

    /// <summary>Carries messages to other members.</summary>
    internal IPeerTransport Transport { get; set; } = new NoPeers();

    /// <summary>States of other members on their way in.</summary>
    internal IncomingSnapshots Incoming { get; } = new();

    /// <summary>States of this member on their way out; set before the loop runs.</summary>
    internal OutgoingSnapshots? Outgoing { get; set; }

    /// <summary>Called on the loop's thread when leader or term have changed.</summary>
    internal Action<LeaderChange> LeaderChanged { get; set; } = static _ => { };

    /// <summary>Called on the loop's thread once a tick.</summary>
    internal Action Ticked { get; set; } = static () => { };

    /// <summary>Highest request id that was handed to the node. Loop's thread.</summary>
    internal ulong LastProposed { get; private set; }

    /// <summary>The core, to be looked at between two calls of <see cref="RunOnce"/>.</summary>
    internal RaftNode Node => _node;

    /// <summary>Queues a proposal. False when the loop has stopped.</summary>
    internal bool Propose(ulong id, ReadOnlyMemory<byte> data) => _inbox.Post(RaftInput.Proposal(id, data), Urgency.Soon);

    /// <summary>Queues the proposal of a configuration change, in encoded form. False when the loop has stopped.</summary>
    internal bool ProposeConfChange(ulong id, EntryType type, ReadOnlyMemory<byte> change) => _inbox.Post(RaftInput.ConfChange(id, type, change));

    /// <summary>Asks the leader, which may be this member, to hand over; nothing happens when it cannot.</summary>
    internal bool TransferLeader(ulong to) => _inbox.Post(RaftInput.Transfer(to));

    /// <summary>Looks at the node on the loop's thread.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">Stopped.</exception>
    internal Task<T> InspectAsync<T>(Func<RaftNode, T> look, CancellationToken cancellation)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        return _inbox.Post(RaftInput.Run(node => done.TrySetResult(look(node))))
            ? done.Task.WaitAsync(cancellation)
            : Task.FromException<T>(StateMachine.Errors.EtcdError.Stopped.ToException());
    }

    /// <summary>Reports that a message to a peer was not delivered.</summary>
    internal bool ReportUnreachable(ulong peer) => _inbox.Post(RaftInput.Unreachable(peer));

    /// <summary>Reports that a peer's process has ended.</summary>
    internal bool ReportGone(ulong peer) => _inbox.Post(RaftInput.Gone(peer));

    /// <summary>Reports how sending a snapshot went.</summary>
    internal bool ReportSnapshot(ulong peer, bool ok) => _inbox.Post(RaftInput.SnapshotSent(peer, ok));

    /// <summary>Queues a message of a peer or of this member's storage threads.</summary>
    public bool Step(Message message) => _inbox.Post(RaftInput.Message(message));

    /// <summary>Queues a message that may wait until the loop is awake for something else, a tick at the latest.</summary>
    internal bool StepLazily(Message message) => _inbox.Post(RaftInput.Message(message), Urgency.Lazy);

    /// <summary>Makes the loop look at what was queued lazily.</summary>
    internal void Wake() => _inbox.Wake();

    /// <summary>Queues the confirmation of a read round.</summary>
    internal bool ReadIndex(ulong round) => _inbox.Post(RaftInput.ReadIndex(round));

    /// <summary>Reports a configuration change that the applier has applied; before the apply is reported as done.</summary>
    internal bool ConfChangeApplied(ConfChangeV2 change) => _inbox.Post(RaftInput.ConfChangeApplied(change));

    /// <summary>Lets time pass for a member that knows no leader (<see cref="FirstElection"/>).</summary>
    internal void AdvanceElection(int ticks) => _inbox.Post(RaftInput.Run(node => FirstElection.Advance(node, ticks)));

    /// <summary>Reports that everything committed before the start is applied: a member that is alone may lead at once.</summary>
    internal bool CaughtUp() => _inbox.Post(RaftInput.CaughtUp());

    /// <summary>Works until <see cref="Stop"/>.</summary>
    public void Run()
    {
        while (_inbox.Wait(UntilNextTick(), WritesAlone ? Urgency.Now : Urgency.Soon))
            RunOnce();
    }

    /// <summary>Ends <see cref="Run"/> after what is queued.</summary>
    public void Stop() => _inbox.Close();

    /// <summary>One round: time, everything that waits, everything that follows from it. False when there was nothing to do.</summary>
    public bool RunOnce()
    {
        bool worked = TickWhenDue();
        if (_inbox.TryTakeAll(ref _batch))
        {
            worked = true;
            foreach (RaftInput input in _batch)
                Handle(input);
        }
        PublishState();
        ProposeCollected();
        while (_node.HasReady)
            PassOn(_node.Ready());
        _state.PublishReported(_node.AppliedIndex);
        DropUnwantedSnapshot();
        return worked;
    }

    /// <summary>
    /// The log is being written, and nobody but the log waits for entries: a proposal could not be written before that is
    /// done, which wakes the loop, so it is not worth a wake-up of its own, and more of them share the next write. With
    /// other voters each proposal leaves at once, since those write at the same time.
    /// </summary>
    private bool WritesAlone => _writes > 0 && _state.IsOnlyVoter;

    private TimeSpan UntilNextTick()
    {
        TimeSpan left = _tickInterval - _time.GetElapsedTime(_lastTick);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private bool TickWhenDue()
    {
        TimeSpan elapsed = _time.GetElapsedTime(_lastTick);
        if (elapsed < _tickInterval)
            return false;
        // A loop that was held up must not make up for lost time: each missed tick would bring an election nearer
        // although the messages that would have prevented it still wait in the inbox.
        _lastTick = _time.GetTimestamp();
        if (elapsed > _tickInterval * 5)
            _log.Warning("raft loop was held up; {Elapsed} passed between two ticks", elapsed);
        _node.Tick();
        Outgoing?.Tick();
        Ticked();
        return true;
    }

    private void Handle(in RaftInput input)
    {
        switch (input.Kind)
        {
            case RaftInputKind.Proposal:
                _proposalIds.Add(input.Number);
                _proposalData.Add(input.Data);
                break;
            case RaftInputKind.Message:
                var message = (Message)input.Subject!;
                if (message.Type == MessageType.StorageAppendResp)
                    _writes--;
                _snapshotUnderJudgement |= message.Type == MessageType.Snap;
                if (message.Type == MessageType.Prop && IsHandingOver)
                    _heldMessages.Add(message);
                else
                    _node.Step(message);
                break;
            case RaftInputKind.ReadIndex:
                _node.ReadIndex(ReadContext(input.Number));
                break;
            case RaftInputKind.ConfChangeApplied:
                ConfState configuration = _node.ApplyConfChange((ConfChangeV2)input.Subject!);
                _state.PublishConfiguration(configuration);
                CampaignWhenAlone();
                break;
            case RaftInputKind.ConfChange:
                _confChanges.Add((input.Number, (EntryType)input.Subject!, input.Data));
                break;
            case RaftInputKind.Unreachable:
                _node.ReportUnreachable(input.Number);
                break;
            case RaftInputKind.Gone:
                _node.ReportGone(input.Number);
                break;
            case RaftInputKind.SnapshotSent or RaftInputKind.SnapshotFailed:
                _node.ReportSnapshot(input.Number, input.Kind == RaftInputKind.SnapshotSent);
                break;
            case RaftInputKind.Transfer:
                _node.TransferLeader(input.Number);
                break;
            case RaftInputKind.Run:
                ((Action<RaftNode>)input.Subject!)(_node);
                break;
            case RaftInputKind.CaughtUp:
                _campaignWhenAlone = true;
                CampaignWhenAlone();
                break;
            default:
                throw new InvalidOperationException($"unknown input {input.Kind}");
        }
    }

    /// <summary>A cluster of one need not wait for an election timeout: nobody else can lead.</summary>
    private void CampaignWhenAlone()
    {
        if (_campaignWhenAlone && _node.Leader == 0 && _state.IsOnlyVoter)
            _node.Campaign();
    }

    private void ProposeCollected()
    {
        // Without a leader the clients wait for one until their time is over, as etcd's do; so they do while one hands over, who would
        // refuse them.
        bool hold = _node.Leader == 0 || IsHandingOver;
        _proposalsWereHeld |= hold;
        if (hold)
            return;
        foreach (Message message in _heldMessages)
            _node.Step(message);
        _heldMessages.Clear();
        if (_proposalIds.Count + _confChanges.Count == 0)
            return;
        if (_proposalsWereHeld)
            DropAbandoned();
        _proposalsWereHeld = false;
        foreach ((ulong id, EntryType type, ReadOnlyMemory<byte> data) in _confChanges)
        {
            LastProposed = Math.Max(LastProposed, id);
            if (_node.ProposeConfChange(type, data) is var refused and not ProposeResult.Accepted)
                _pending.Remove(id)?.Fail(ProposalErrors.Dropped(refused));
        }
        _confChanges.Clear();
        if (_proposalIds.Count == 0)
            return;
        foreach (ulong id in _proposalIds)
            LastProposed = Math.Max(LastProposed, id);
        ProposeResult result = _node.Propose(_proposalData);
        if (result != ProposeResult.Accepted)
            FailProposals(result);
        _proposalIds.Clear();
        _proposalData.Clear();
    }

    /// <summary>This member leads, and waits for another one to take over: it must not append any more (Raft thesis §3.10).</summary>
    private bool IsHandingOver => _node.LeadTransferee != 0 && _node.Role == RaftRole.Leader;

    /// <summary>A proposal whose client has gone while there was no leader need not be made.</summary>
    private void DropAbandoned()
    {
        for (int i = _proposalIds.Count - 1; i >= 0; i--)
        {
            if (_pending.Contains(_proposalIds[i]))
                continue;
            _proposalIds.RemoveAt(i);
            _proposalData.RemoveAt(i);
        }
        _confChanges.RemoveAll(change => change.Id != 0 && !_pending.Contains(change.Id));
    }

    private void FailProposals(ProposeResult result)
    {
        foreach (ulong id in _proposalIds)
            _pending.Remove(id)?.Fail(ProposalErrors.Dropped(result));
    }

    private void PassOn(Ready ready)
    {
        if (ready.SoftState is { } || ready.HardState is { })
            PublishState();
        if (ready.Snapshot is { } snapshot)
        {
            Incoming.Accept(snapshot.Metadata);
            _state.PublishConfiguration(snapshot.Metadata.ConfState);
        }
        IReadOnlyList<ReadState> reads = ready.ReadStates;
        for (int i = 0; i < reads.Count; i++)
            ConfirmRead(reads[i]);
        IReadOnlyList<Message> messages = ready.Messages;
        for (int i = 0; i < messages.Count; i++)
            Route(messages[i]);
    }

    private void Route(Message message)
    {
        if (message.To == LocalThreads.Append)
        {
            if (message.Responses is [.., { Type: MessageType.StorageAppendResp }])
                _writes++;
            AppendWork(message);
        }
        else if (message.To == LocalThreads.Apply)
            ApplyWork(message);
        else if (message.Type == MessageType.Snap)
            Transport.SendSnapshot(message, Outgoing!.Take(message.Snapshot!));
        else
            Transport.Send(message);
    }

    /// <summary>An answer to what this member did not ask is of no interest, whoever sent it.</summary>
    private void ConfirmRead(ReadState read)
    {
        ReadOnlySpan<byte> context = read.Context.Span;
        if (context.Length == 2 * sizeof(ulong) && BinaryPrimitives.ReadUInt64BigEndian(context) == _node.Id)
            ReadConfirmed(BinaryPrimitives.ReadUInt64BigEndian(context[sizeof(ulong)..]), read.Index);
    }

    /// <summary>A read is named by member and round: the leader must not take those of two members for one.</summary>
    private byte[] ReadContext(ulong round)
    {
        byte[] context = new byte[2 * sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(context, _node.Id);
        BinaryPrimitives.WriteUInt64BigEndian(context.AsSpan(sizeof(ulong)), round);
        return context;
    }

    /// <summary>Raft does not say that it ignores a snapshot; it did when the snapshot neither came out nor is held back.</summary>
    private void DropUnwantedSnapshot()
    {
        if (!_snapshotUnderJudgement || _node.HoldsSnapshot)
            return;
        _snapshotUnderJudgement = false;
        Incoming.Judged();
    }

    private void PublishState()
    {
        if (_state.PublishLeadership(_node.Term, _node.Leader, _node.CommitIndex) is { } change)
        {
            _log.Information(
                "raft leadership changed; leader {Leader:x} term {Term} (before: leader {OldLeader:x} term {OldTerm})",
                change.Leader, change.Term, change.OldLeader, change.OldTerm);
            LeaderChanged(change);
        }
    }
}
