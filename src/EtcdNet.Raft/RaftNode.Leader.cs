using EtcdNet.Raft.Tracking;

namespace EtcdNet.Raft;

/// <summary>A leader orders proposals and keeps its lease: Raft paper §5.3, thesis §3.10 (transfer), §6.2 (stepping down).</summary>
public sealed partial class RaftNode
{
    private ulong _leadTransferee;
    private ulong _uncommittedBytes;

    /// <summary>
    /// Appends the batch as one write and one message per member, or forwards it to the leader. All or nothing.
    /// </summary>
    /// <param name="batch">Payloads, at least one; must not be changed afterwards.</param>
    public ProposeResult Propose(IReadOnlyList<ReadOnlyMemory<byte>> batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentOutOfRangeException.ThrowIfZero(batch.Count);
        if (_role == RaftRole.Leader)
            return ProposeAsLeader(batch);
        var entries = new Entry[batch.Count];
        for (var i = 0; i < entries.Length; i++)
            entries[i] = new Entry(EntryType.Normal, 0, 0, batch[i]);
        return ForwardProposal(_id, new EntrySlice(entries, 0, entries.Length));
    }

    /// <summary>Proposes a change of the members, in the form every etcd understands.</summary>
    public ProposeResult ProposeConfChange(ConfChange change) =>
        ProposeConfChange(EntryType.ConfChange, ConfChangeCodec.Encode(change));

    /// <summary>Proposes a change of the members, possibly through a joint configuration.</summary>
    public ProposeResult ProposeConfChange(ConfChangeV2 change) =>
        ProposeConfChange(EntryType.ConfChangeV2, ConfChangeCodec.Encode(change));

    /// <summary>
    /// Proposes an already encoded change. A change that does not fit the state (one is pending, wrong joint state) is replaced by
    /// an empty entry and still answered <see cref="ProposeResult.Accepted"/>.
    /// </summary>
    public ProposeResult ProposeConfChange(EntryType type, ReadOnlyMemory<byte> change)
    {
        if (type is not (EntryType.ConfChange or EntryType.ConfChangeV2))
            throw new ArgumentException("must be a type of configuration change", nameof(type));
        return ProposeEntries(_id, new EntrySlice([new Entry(type, 0, 0, change)], 0, 1));
    }

    private StepResult HandleForwardedProposal(Message message)
    {
        if (message.Entries.Count == 0)
            return StepResult.ProposalDropped;
        var result = ProposeEntries(message.From, EntrySlice.From(message.Entries));
        return result == ProposeResult.Accepted ? StepResult.Handled : StepResult.ProposalDropped;
    }

    private ProposeResult ProposeEntries(ulong from, EntrySlice entries)
    {
        if (_role != RaftRole.Leader)
            return ForwardProposal(from, entries);
        if (CheckLeaderAccepts() is var refused and not ProposeResult.Accepted)
            return refused;
        if (!TryAppendOwn(CheckConfChanges(entries)))
            return ProposeResult.DroppedTooMuchUncommitted;
        BroadcastAppend();
        return ProposeResult.Accepted;
    }

    /// <summary>The hot path: writes the entries straight into the log.</summary>
    private ProposeResult ProposeAsLeader(IReadOnlyList<ReadOnlyMemory<byte>> batch)
    {
        if (CheckLeaderAccepts() is var refused and not ProposeResult.Accepted)
            return refused;
        ulong payload = 0;
        for (var i = 0; i < batch.Count; i++)
            payload += (uint)batch[i].Length;
        if (!TryIncreaseUncommitted(payload))
            return ProposeResult.DroppedTooMuchUncommitted;
        var next = _log.LastIndex + 1;
        var room = _log.Unstable.Extend(batch.Count);
        for (var i = 0; i < room.Length; i++)
            room[i] = new Entry(EntryType.Normal, _term, next + (ulong)i, batch[i]);
        AcknowledgeSelf();
        BroadcastAppend();
        return ProposeResult.Accepted;
    }

    private ProposeResult ForwardProposal(ulong from, EntrySlice entries)
    {
        if (_lead == 0 || _role != RaftRole.Follower)
        {
            _trace.Write(RaftLogLevel.Info, $"{_id:x} no leader at term {_term}; dropping proposal");
            return ProposeResult.DroppedNoLeader;
        }

        if (_options.DisableProposalForwarding)
        {
            _trace.Write(RaftLogLevel.Info, $"{_id:x} not forwarding to leader {_lead:x} at term {_term}; dropping proposal");
            return ProposeResult.DroppedForwardingDisabled;
        }

        Send(new Message { Type = MessageType.Prop, To = _lead, From = from, Entries = entries });
        return ProposeResult.Accepted;
    }

    private ProposeResult CheckLeaderAccepts()
    {
        if (_tracker.Find(_id) is null)
            return ProposeResult.DroppedRemoved;
        if (_leadTransferee == 0)
            return ProposeResult.Accepted;
        _trace.Write(RaftLogLevel.Debug, $"{_id:x} [term {_term}] transfer leadership to {_leadTransferee:x} is in progress; dropping proposal");
        return ProposeResult.DroppedTransfer;
    }

    /// <summary>
    /// Gives the entries term and index and appends them; false when the uncommitted tail is too large. Only adds, never
    /// overwrites: the leader append-only property (Raft paper figure 3).
    /// </summary>
    private bool TryAppendOwn(EntrySlice entries)
    {
        if (!TryIncreaseUncommitted(EntrySize.Payload(entries.Span)))
            return false;
        var next = _log.LastIndex + 1;
        var room = _log.Unstable.Extend(entries.Count);
        for (var i = 0; i < room.Length; i++)
            room[i] = new Entry(entries[i].Type, _term, next + (ulong)i, entries[i].Data);
        AcknowledgeSelf();
        return true;
    }

    /// <summary>The leader counts itself for the quorum like any member: when its own write is durable, by a message to itself.</summary>
    private void AcknowledgeSelf() => Send(AppendResponse(_id, _log.LastIndex));

    /// <summary>
    /// Bounds the tail that no quorum has taken. The first proposal always passes, whatever its size, and empty entries always do:
    /// a new leader and a joint configuration must be able to go on.
    /// </summary>
    private bool TryIncreaseUncommitted(ulong bytes)
    {
        if (_uncommittedBytes > 0 && bytes > 0 && _uncommittedBytes + bytes > _options.UncommittedLimit)
        {
            _trace.Write(RaftLogLevel.Warn, $"{_id:x} appending new entries to log would exceed uncommitted entry size limit; dropping proposal");
            return false;
        }

        _uncommittedBytes += bytes;
        return true;
    }

    /// <summary>Entries of earlier leaders were never counted, so the counter may reach zero early.</summary>
    private void ReduceUncommitted(ulong bytes) => _uncommittedBytes -= Math.Min(bytes, _uncommittedBytes);

    private void BecomeLeader()
    {
        Invariant.Holds(_role == RaftRole.Candidate, $"invalid transition [{_role} -> leader]");
        Reset(_term);
        _lead = _id;
        _role = RaftRole.Leader;
        var self = _tracker.Find(_id);
        Invariant.Holds(self is not null, $"{_id:x} leads but is not in the configuration");
        self.BecomeReplicate();
        self.IsActive = true;

        // A change may be anywhere in the tail; treat all of it as pending rather than search it.
        _pendingConfIndex = _log.LastIndex;

        // An entry of the own term commits everything before it (Raft paper §5.4.2, §8).
        var appended = TryAppendOwn(new EntrySlice([default], 0, 1));
        Invariant.Holds(appended, $"empty entry was dropped");
        _trace.Write(RaftLogLevel.Info, $"{_id:x} became leader at term {_term}");
    }

    private void TickLeader()
    {
        _heartbeatElapsed++;
        _electionElapsed++;
        if (_electionElapsed >= _options.ElectionTick)
        {
            _electionElapsed = 0;
            if (_options.CheckQuorum)
                CheckQuorum();

            // A transfer that takes longer than this failed; accept proposals again (thesis §3.10).
            _leadTransferee = 0;
        }

        if (_role != RaftRole.Leader || _heartbeatElapsed < _options.HeartbeatTick)
            return;
        _heartbeatElapsed = 0;
        BroadcastHeartbeat();
    }

    /// <summary>A leader without a quorum must not go on answering (thesis §6.2), and its lease is over (thesis §6.4.1).</summary>
    private void CheckQuorum()
    {
        if (!_tracker.IsQuorumActive())
        {
            _trace.Write(RaftLogLevel.Warn, $"{_id:x} stepped down to follower since quorum is not active");
            BecomeFollower(_term, 0);
        }

        foreach (var member in _tracker.Members)
        {
            if (member.Id != _id)
                member.IsActive = false;
        }
    }

    private void StepLeader(Message message)
    {
        // Two leaders in one term would mean that a quorum voted twice (election safety, Raft paper figure 3).
        Invariant.Holds(message.Type is not (MessageType.App or MessageType.Heartbeat or MessageType.Snap),
            $"{_id:x} leads term {message.Term} and so does {message.From:x}");
        if (message.Type == MessageType.ReadIndex)
        {
            HandleReadIndex(message);
            return;
        }

        if (_tracker.Find(message.From) is not { } member)
        {
            if (message.Type != MessageType.ForgetLeader)
                _trace.Write(RaftLogLevel.Debug, $"{_id:x} no progress available for {message.From:x}");
            return;
        }

        switch (message.Type)
        {
            case MessageType.AppResp:
                HandleAppendResponse(member, message);
                break;
            case MessageType.HeartbeatResp:
                HandleHeartbeatResponse(member, message);
                break;
            case MessageType.TransferLeader:
                HandleTransfer(member);
                break;
        }
    }

    private void HandleTransfer(Progress member)
    {
        if (member.IsLearner)
        {
            _trace.Write(RaftLogLevel.Debug, $"{_id:x} is learner. Ignored transferring leadership");
            return;
        }

        if (_leadTransferee != 0)
        {
            if (_leadTransferee == member.Id)
            {
                _trace.Write(RaftLogLevel.Info, $"{_id:x} [term {_term}] transfer leadership to {member.Id:x} is in progress, ignores request to same node {member.Id:x}");
                return;
            }

            _trace.Write(RaftLogLevel.Info, $"{_id:x} [term {_term}] abort previous transferring leadership to {_leadTransferee:x}");
            _leadTransferee = 0;
        }

        if (member.Id == _id)
        {
            _trace.Write(RaftLogLevel.Debug, $"{_id:x} is already leader. Ignored transferring leadership to self");
            return;
        }

        _trace.Write(RaftLogLevel.Info, $"{_id:x} [term {_term}] starts to transfer leadership to {member.Id:x}");
        _electionElapsed = 0;
        _leadTransferee = member.Id;
        if (member.Match == _log.LastIndex)
        {
            SendTimeoutNow(member.Id);
            _trace.Write(RaftLogLevel.Info, $"{_id:x} sends MsgTimeoutNow to {member.Id:x} immediately as {member.Id:x} already has up-to-date log");
        }
        else
        {
            SendAppend(member, sendIfEmpty: true);
        }
    }

    private void SendTimeoutNow(ulong to) => Send(new Message { Type = MessageType.TimeoutNow, To = to, From = _id, Term = _term });
}
