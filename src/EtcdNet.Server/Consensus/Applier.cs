using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Raft;
using EtcdNet.Raft.Membership;
using EtcdNet.Server.Snapshots;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Errors;
using Serilog;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// Applies committed entries in order, the only writer of the state machine. A batch becomes visible to readers before
/// its clients hear of it, so that whoever was answered finds the write. A snapshot of the leader replaces the state
/// between two batches. Then it does the housekeeping that needs the writer: slices of compaction and the start of checkpoints.
/// </summary>
internal sealed class Applier
{
    private readonly StateMachine.StateMachine _machine;
    private readonly ConsensusState _state;
    private readonly PendingProposals _pending;
    private readonly RaftLoop _loop;
    private readonly IHousekeeping _housekeeping;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    // The loop hands out no more than 1 MiB that it does not know to be applied, and may have to hear of it to go on.
    // Whatever it has handed out is applied in two batches at most, so that one of them is larger than this if it waits.
    private const int QuietBytesMax = 128 << 10;

    private readonly Mailbox<ApplierWork> _inbox = new();
    private readonly List<Message> _messages = [];
    private readonly List<Settled> _settled = [];
    private List<ApplierWork> _batch = [];
    private ConfState _configuration;
    private readonly ulong _catchUpTo;
    private bool _caughtUp;
    private bool _membersChanged;
    private TimeSpan _requestTime;

    public Applier(
        StateMachine.StateMachine machine, ConsensusState state, PendingProposals pending, RaftLoop loop,
        IHousekeeping housekeeping, ulong committedAtStart, TimeProvider time, ILogger log)
    {
        _machine = machine;
        _state = state;
        _pending = pending;
        _loop = loop;
        _housekeeping = housekeeping;
        _catchUpTo = committedAtStart;
        _configuration = state.Configuration;
        _time = time;
        _log = log.ForContext<Applier>();
    }

    /// <summary>An apply that takes longer is logged (<c>--warning-apply-duration</c>).</summary>
    public TimeSpan SlowApply { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Number of batches that took too long for another reason than their requests.</summary>
    public long SlowApplies { get; private set; }

    /// <summary>Told of every request; null for none.</summary>
    public IApplyObserver? Observer { get; set; }

    /// <summary>Called after each batch, when its effects are visible.</summary>
    public Action Applied { get; set; } = static () => { };

    /// <summary>Called when the first entry of a term is applied, with that term.</summary>
    public Action<ulong> NewTermApplied { get; set; } = static _ => { };

    /// <summary>Called when the members may have changed.</summary>
    public Action MembersChanged { get; set; } = static () => { };

    /// <summary>Called when this member is part of no configuration any more: it has to stop.</summary>
    public Action Removed { get; set; } = static () => { };

    /// <summary>Called when the state was replaced by a leader's, and readers can see it.</summary>
    public Action StateReplaced { get; set; } = static () => { };

    /// <summary>The configuration as applied. Applier's thread.</summary>
    public ConfState Configuration => _configuration;

    /// <summary>Queues committed entries.</summary>
    public void Apply(Message work) => _inbox.Post(new ApplierWork(work, null, null));

    /// <summary>
    /// Queues a leader's state, which the log counts on already. Everything that was handed out before it is applied, and
    /// everything that follows it is queued behind it.
    /// </summary>
    public void Install(IReceivedState state) => _inbox.Post(new ApplierWork(null, null, state));

    /// <summary>Runs something on the applier's thread between two batches. False when it has stopped.</summary>
    public bool Run(Action work) => _inbox.Post(new ApplierWork(null, work, null));

    /// <summary>Works until <see cref="Stop"/>.</summary>
    public void Run()
    {
        ReportCaughtUp();
        while (_inbox.Wait(_housekeeping.HasWork ? TimeSpan.Zero : _housekeeping.Interval))
            RunOnce();
        _housekeeping.Finish();
    }

    /// <summary>Ends <see cref="Run"/> after what is queued.</summary>
    public void Stop() => _inbox.Close();

    /// <summary>Applies everything that waits, then does one slice of housekeeping. False when there was nothing to do.</summary>
    public bool RunOnce()
    {
        bool worked = _inbox.TryTakeAll(ref _batch);
        foreach (ApplierWork work in _batch)
        {
            if (work.Message is { } message)
            {
                _messages.Add(message);
                continue;
            }
            ApplyBatch();
            work.Action?.Invoke();
            if (work.State is { } state)
                Replace(state);
        }
        ApplyBatch();
        return _housekeeping.Step() || worked;
    }

    private void ApplyBatch()
    {
        if (_messages.Count == 0)
            return;
        long started = _time.GetTimestamp();
        _requestTime = TimeSpan.Zero;
        int count = 0;
        long bytes = 0;
        ulong index = 0, term = 0;
        _machine.BeginBatch();
        foreach (Message message in _messages)
        {
            IReadOnlyList<Entry> entries = message.Entries;
            count += entries.Count;
            for (int i = 0; i < entries.Count; i++)
            {
                bytes += entries[i].Data.Length;
                ApplyEntry(entries[i]);
            }
            (index, term) = (entries[^1].Index, entries[^1].Term);
        }
        _machine.EndBatch();
        _state.PublishApplied(index, term);
        Settle();
        Applied();
        foreach (Message message in _messages)
            Respond(message);
        if (bytes > QuietBytesMax)
            _loop.Wake();
        _messages.Clear();
        ReportMembers();
        ReportCaughtUp();
        WarnWhenSlow(started, count);
    }

    private void Replace(IReceivedState state)
    {
        Switch(state.Configuration);
        state.Install();
        _state.PublishApplied(_machine.ConsistentIndex, _machine.ConsistentTerm);
        _loop.Incoming.Installed();
        _log.Information("the state was replaced by the leader's snapshot at entry {Index}", _machine.ConsistentIndex);
        StateReplaced();
        Applied();
        _membersChanged = true;
        ReportMembers();
        ReportCaughtUp();
    }

    private void ReportMembers()
    {
        if (!_membersChanged)
            return;
        _membersChanged = false;
        MembersChanged();
        ulong self = _state.MemberId;
        if (_machine.Members.Removed.Contains(self) && !_configuration.Voters.Contains(self)
            && !_configuration.VotersOutgoing.Contains(self) && !_configuration.Learners.Contains(self))
            Removed();
    }

    private void ApplyEntry(in Entry entry)
    {
        // Raft hands out each entry once. A gap or a repetition here would part this member from the others for ever.
        if (entry.Index != _machine.ConsistentIndex + 1)
            throw new InvalidOperationException($"entry {entry.Index} was to be applied after entry {_machine.ConsistentIndex}");
        if (entry.Type != EntryType.Normal)
        {
            ApplyConfChange(entry);
            return;
        }
        if (entry.Data.IsEmpty)
        {
            // Raft also makes an empty entry of a configuration change that it refuses.
            bool isFirst = entry.Term > _machine.ConsistentTerm;
            _machine.ApplyEmpty(entry.Index, entry.Term);
            if (isFirst)
                NewTermApplied(entry.Term);
            return;
        }
        // The proposer of this very entry still has it in parsed form; both forms are one and the same request.
        ulong id = EntryHeader.RequestId(entry.Data.Span);
        PendingProposal? pending = id == 0 ? null : _pending.Remove(id, entry.Data.Span);
        InternalRaftRequest request = pending?.Request ?? InternalRaftRequest.Parser.ParseFrom(entry.Data.Span);
        long started = _time.GetTimestamp();
        ApplyResult result = _machine.Apply(entry.Index, entry.Term, request);
        TimeSpan took = _time.GetElapsedTime(started);
        _requestTime += took;
        Observer?.Applied(request, result, took);
        if (pending is null)
            return;
        pending.Times?.Applied(started, took);
        _settled.Add(new Settled(pending, result));
    }

    private void ApplyConfChange(in Entry entry)
    {
        _membersChanged = true;
        if (entry.Type == EntryType.ConfChangeV2)
        {
            ApplyConfChangeV2(entry);
            return;
        }
        var change = Protocol.Raftpb.ConfChange.Parser.ParseFrom(entry.Data.Span);
        // A change that does not fit is still handed to Raft, for nobody: every member counts the same changes.
        EtcdError? refusal = _machine.Members.Judge(change);
        if (refusal is not null)
            _log.Warning("configuration change at entry {Index} is refused: {Reason}", entry.Index, refusal.Message);
        ulong subject = refusal is null ? change.NodeId : 0;
        ConfChangeV2 forRaft = (ConfChangeCodec.Decode(entry.Data) with { NodeId = subject }).AsV2();
        Switch(ConfStateChange.After(_configuration, forRaft));
        _machine.ApplyConfChange(entry.Index, entry.Term, change, ConfStateCodec.Encode(_configuration));
        _loop.ConfChangeApplied(forRaft);
        if (change.Id != 0 && _pending.Remove(change.Id, entry.Data.Span) is { } pending)
            _settled.Add(new Settled(pending, new ApplyResult(change, refusal?.ToException())));
    }

    /// <summary>A change of several members through a joint configuration, or the way out of it (Raft paper §6). etcd never proposes one.</summary>
    private void ApplyConfChangeV2(in Entry entry)
    {
        ConfChangeV2 change = ConfChangeCodec.DecodeV2(entry.Data);
        IReadOnlyList<Protocol.Raftpb.ConfChange> changes = MemberChanges.Of(change);
        EtcdError? refusal = _machine.Members.Judge(changes);
        if (refusal is not null)
        {
            _log.Warning("configuration change at entry {Index} is refused: {Reason}", entry.Index, refusal.Message);
            change = new ConfChangeV2 { Changes = [new ConfChangeSingle(ConfChangeType.UpdateNode, 0)] };
        }
        Switch(ConfStateChange.After(_configuration, change));
        _machine.ApplyConfChange(entry.Index, entry.Term, changes, ConfStateCodec.Encode(_configuration));
        _loop.ConfChangeApplied(change);
    }

    /// <summary>Before the members change: a removed one must not be sent away while it has a vote in a joint configuration.</summary>
    private void Switch(ConfState configuration)
    {
        _configuration = configuration;
        _state.PublishAppliedConfiguration(configuration);
    }

    private void Settle()
    {
        foreach (Settled settled in _settled)
        {
            if (settled.Result.Error is { } error)
                settled.Pending.Fail(error);
            else
                settled.Pending.Complete(settled.Result.Response!);
        }
        _settled.Clear();
    }

    private void Respond(Message message)
    {
        IReadOnlyList<Message> responses = message.Responses;
        for (int i = 0; i < responses.Count; i++)
            _loop.StepLazily(responses[i]);
    }

    private void ReportCaughtUp()
    {
        if (_caughtUp || _state.AppliedIndex < _catchUpTo)
            return;
        _caughtUp = true;
        _loop.CaughtUp();
    }

    /// <summary>What the requests took themselves is the observer's business; this is about publishing and answering.</summary>
    private void WarnWhenSlow(long started, int count)
    {
        TimeSpan took = _time.GetElapsedTime(started) - _requestTime;
        if (count == 0 || took / count < SlowApply)
            return;
        SlowApplies++;
        _log.Warning("apply request took too long; took {Took} for {Count} entries, expected {Expected} each", took, count, SlowApply);
    }

    private readonly record struct ApplierWork(Message? Message, Action? Action, IReceivedState? State);

    private readonly record struct Settled(PendingProposal Pending, ApplyResult Result);
}
