using EtcdNet.Raft.Tracking;

namespace EtcdNet.Raft;

/// <summary>Bringing every member's log to the leader's: Raft paper §5.3, §5.4.2, §7; pipelining thesis §10.2.1.</summary>
public sealed partial class RaftNode
{
    private void BroadcastAppend()
    {
        foreach (var member in _tracker.Members)
        {
            if (member.Id != _id)
                SendAppend(member, sendIfEmpty: true);
        }
    }

    /// <summary>
    /// Sends the next entries, or a snapshot when they are gone. An empty message still carries the commit index and checks the log.
    /// </summary>
    /// <returns>True when something was sent.</returns>
    private bool SendAppend(Progress member, bool sendIfEmpty)
    {
        if (member.IsPaused)
            return false;
        var previous = member.Next - 1;
        if (!_log.TryTerm(previous, out var previousTerm))
            return SendSnapshot(member);

        // On a full window send no entries, yet an empty append: if everything on its way was lost, the answer to this one shows it.
        var entries = EntrySlice.Empty;
        if (member.State != ProgressState.Replicate || !member.Inflights.IsFull)
        {
            if (_log.From(member.Next, _options.MaxSizePerMessage) is not { } found)
                return SendSnapshot(member);
            entries = found;
        }

        if (entries.Count == 0 && !sendIfEmpty)
            return false;
        Send(new Message
        {
            Type = MessageType.App, To = member.Id, From = _id, Term = _term, Index = previous, LogTerm = previousTerm,
            Entries = entries, Commit = _log.Committed,
        });
        member.Sent(entries.Count, EntrySize.Payload(entries.Span));
        member.SentCommit(_log.Committed);
        return true;
    }

    private bool SendSnapshot(Progress member)
    {
        if (!member.IsActive)
        {
            _trace.Write(RaftLogLevel.Debug, $"ignore sending snapshot to {member.Id:x} since it is not recently active");
            return false;
        }

        Snapshot snapshot;
        try
        {
            snapshot = _log.Snapshot();
        }
        catch (SnapshotTemporarilyUnavailableException)
        {
            _trace.Write(RaftLogLevel.Debug, $"{_id:x} failed to send snapshot to {member.Id:x} because snapshot is temporarily unavailable");
            return false;
        }

        Invariant.Holds(!snapshot.IsEmpty, $"need non-empty snapshot");
        var (index, term) = (snapshot.Metadata.Index, snapshot.Metadata.Term);
        _trace.Write(RaftLogLevel.Debug, $"{_id:x} [firstindex: {_log.FirstIndex}, commit: {_log.Committed}] sent snapshot[index: {index}, term: {term}] to {member.Id:x} [{member}]");
        member.BecomeSnapshot(index);
        _trace.Write(RaftLogLevel.Debug, $"{_id:x} paused sending replication messages to {member.Id:x} [{member}]");
        Send(new Message { Type = MessageType.Snap, To = member.Id, From = _id, Term = _term, Snapshot = snapshot });
        return true;
    }

    private void BroadcastHeartbeat() => BroadcastHeartbeat(_reads.LastContext);

    private void BroadcastHeartbeat(ReadOnlyMemory<byte> context)
    {
        foreach (var member in _tracker.Members)
        {
            if (member.Id == _id)
                continue;

            // Never beyond what the member is known to hold: it may not have received more, or hold something else there.
            var commit = Math.Min(member.Match, _log.Committed);
            Send(new Message
            {
                Type = MessageType.Heartbeat, To = member.Id, From = _id, Term = _term, Commit = commit, Context = context,
            });
            member.SentCommit(commit);
        }
    }

    private void HandleAppendResponse(Progress member, Message message)
    {
        member.IsActive = true;
        if (message.Reject)
        {
            HandleRejection(member, message);
            return;
        }

        Invariant.Holds(message.Index <= _log.LastIndex,
            $"{member.Id:x} acknowledged entry {message.Index} of term {_term}, but its leader's last is {_log.LastIndex}");

        // The same index again is news for a probed member: it shows that the logs match there, so replication can go on.
        if (!member.TryUpdate(message.Index) && !(member.Match == message.Index && member.State == ProgressState.Probe))
            return;
        ResumeReplication(member, message.Index);
        if (TryCommit())
        {
            ReleaseReadsBeforeFirstCommit();
            BroadcastAppend();
        }
        else if (member.Id != _id && member.CanRaiseCommit(_log.Committed))
        {
            // Its commit index would move with the next heartbeat anyway, but later.
            SendAppend(member, sendIfEmpty: true);
        }

        if (member.Id == _id)
            return;
        while (SendAppend(member, sendIfEmpty: false))
        {
            // The answer may have made room for several messages.
        }

        if (_leadTransferee == member.Id && member.Match == _log.LastIndex)
        {
            _trace.Write(RaftLogLevel.Info, $"{_id:x} sent MsgTimeoutNow to {member.Id:x} after received MsgAppResp");
            SendTimeoutNow(member.Id);
        }
    }

    private void ResumeReplication(Progress member, ulong acknowledged)
    {
        switch (member.State)
        {
            case ProgressState.Probe:
                member.BecomeReplicate();
                break;
            case ProgressState.Replicate:
                member.Inflights.FreeTo(acknowledged);
                break;
            case ProgressState.Snapshot when member.Match + 1 >= _log.FirstIndex:
                // It can go on from the log, by whatever way it got there; the pending snapshot does not matter any more.
                _trace.Write(RaftLogLevel.Debug, $"{_id:x} recovered from needing snapshot, resumed sending replication messages to {member.Id:x} [{member}]");
                member.BecomeProbe();
                member.BecomeReplicate();
                break;
        }
    }

    private void HandleRejection(Progress member, Message message)
    {
        _trace.Write(RaftLogLevel.Debug, $"{_id:x} received MsgAppResp(rejected, hint: (index {message.RejectHint}, term {message.LogTerm})) from {member.Id:x} for index {message.Index}");

        // The member's term at the hint lets us skip all our entries with a higher term: they cannot match (Raft paper §5.3, end).
        var probe = message.LogTerm > 0 ? _log.FindConflictByTerm(message.RejectHint, message.LogTerm).Index : message.RejectHint;
        if (!member.TryDecrease(message.Index, probe))
            return;
        _trace.Write(RaftLogLevel.Debug, $"{_id:x} decreased progress of {member.Id:x} to [{member}]");
        if (member.State == ProgressState.Replicate)
            member.BecomeProbe();
        SendAppend(member, sendIfEmpty: true);
    }

    private void HandleHeartbeatResponse(Progress member, Message message)
    {
        member.IsActive = true;
        member.IsFlowPaused = false;

        // It answers, so try again if it lags. A probed member gets an empty append, whose answer lets replication go on.
        if (member.Match < _log.LastIndex || member.State == ProgressState.Probe)
            SendAppend(member, sendIfEmpty: true);
        ConfirmReads(member.Id, message.Context);
    }

    private void HandleSnapshotStatus(Progress member, bool ok)
    {
        if (member.State != ProgressState.Snapshot)
            return;
        if (ok)
            member.BecomeProbe();
        else
            member.SnapshotFailed();
        _trace.Write(RaftLogLevel.Debug, $"{_id:x} snapshot {(ok ? "succeeded" : "failed")}, resumed sending replication messages to {member.Id:x} [{member}]");

        // Arrived: its answer comes next. Failed: wait for a heartbeat before trying again.
        member.IsFlowPaused = true;
    }

    private void HandleUnreachable(Progress member)
    {
        // With many messages on their way it is likely that some are lost.
        if (member.State == ProgressState.Replicate)
            member.BecomeProbe();
        _trace.Write(RaftLogLevel.Debug, $"{_id:x} failed to send message to {member.Id:x} because it is unreachable [{member}]");
    }

    private bool TryCommit() => _log.TryCommit(new EntryId(_term, _tracker.Committed));
}
