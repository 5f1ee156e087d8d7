using EtcdNet.Raft.Membership;

namespace EtcdNet.Raft;

/// <summary>A follower takes what the leader sends: Raft paper §5.3 (entries) and §7 (snapshots).</summary>
public sealed partial class RaftNode
{
    /// <summary>A snapshot that waits until the entries handed out before it are applied, null for none.</summary>
    private Message? _heldSnapshot;

    private void StepFollower(Message message)
    {
        switch (message.Type)
        {
            case MessageType.App:
                HeardLeader(message.From);
                HandleAppend(message);
                break;
            case MessageType.Heartbeat:
                HeardLeader(message.From);
                HandleHeartbeat(message);
                break;
            case MessageType.Snap:
                HeardLeader(message.From);
                HandleSnapshot(message);
                break;
            case MessageType.TransferLeader:
                ForwardToLeader(message, "leader transfer");
                break;
            case MessageType.ReadIndex:
                ForwardToLeader(message, "index reading");
                break;
            case MessageType.ReadIndexResp:
                HandleReadIndexResponse(message);
                break;
            case MessageType.ForgetLeader:
                HandleForgetLeader();
                break;
            case MessageType.TimeoutNow:
                // No pre-vote: the leader itself asked, so there is nobody to disturb (thesis §3.10).
                _trace.Write(RaftLogLevel.Info, $"{_id:x} [term {_term}] received MsgTimeoutNow from {message.From:x} and starts an election to get leadership.");
                Hup(CampaignKind.Transfer);
                break;
        }
    }

    private void HeardLeader(ulong leader)
    {
        _electionElapsed = 0;
        EndHaste();
        _lead = leader;
    }

    private void ForwardToLeader(Message message, string what)
    {
        if (_lead == 0)
        {
            _trace.Write(RaftLogLevel.Info, $"{_id:x} no leader at term {_term}; dropping {what} msg");
            return;
        }

        // A transfer carries a term like any message between members; a read does not, so that a term change cannot drop it.
        Send(message.Forward(_id, _lead, message.Type == MessageType.ReadIndex ? 0 : _term));
    }

    private void HandleAppend(Message message)
    {
        if (message.Index < _log.Committed)
        {
            // Old news: everything committed matches anyway, so tell the leader how far that is.
            Send(AppendResponse(message.From, _log.Committed));
            return;
        }

        var previous = new EntryId(message.LogTerm, message.Index);
        if (_log.TryAppend(previous, CheckedEntries(message), message.Commit, out var lastNew))
        {
            Send(AppendResponse(message.From, lastNew));
            return;
        }

        _trace.Write(RaftLogLevel.Debug, $"{_id:x} [logterm: {_log.TermOrZero(message.Index)}, index: {message.Index}] rejected MsgApp [logterm: {message.LogTerm}, index: {message.Index}] from {message.From:x}");

        // Do not only say no: say where the logs may match at most. All entries with a term above the leader's at that point
        // cannot match, so skip them in one step (Raft paper §5.3, end).
        var hint = _log.FindConflictByTerm(Math.Min(message.Index, _log.LastIndex), message.LogTerm);
        Send(new Message
        {
            Type = MessageType.AppResp, To = message.From, From = _id, Term = _term, Index = message.Index, Reject = true,
            RejectHint = hint.Index, LogTerm = hint.Term,
        });
    }

    /// <summary>Entries of one append follow each other without gaps and never go back in term.</summary>
    private static EntrySlice CheckedEntries(Message message)
    {
        var slice = EntrySlice.From(message.Entries);
        var (index, term) = (message.Index, message.LogTerm);
        foreach (ref readonly var entry in slice.Span)
        {
            Invariant.Holds(entry.Index == index + 1 && entry.Term >= term && entry.Term <= message.Term,
                $"append from {message.From:x}: entry {entry.Term}/{entry.Index} after {term}/{index} at term {message.Term}");
            (index, term) = (entry.Index, entry.Term);
        }

        return slice;
    }

    private void HandleHeartbeat(Message message)
    {
        _log.CommitTo(message.Commit);
        Send(new Message
        {
            Type = MessageType.HeartbeatResp, To = message.From, From = _id, Term = _term, Context = message.Context,
        });
    }

    private void HandleSnapshot(Message message)
    {
        var snapshot = message.Snapshot ?? Snapshot.Empty;
        var (index, term) = (snapshot.Metadata.Index, snapshot.Metadata.Term);
        if (index > _log.Committed && _log.Applying > _log.Applied)
        {
            // The snapshot brings its configuration. A change among the entries that are being applied right now would then be
            // applied on top of that, although the snapshot contains it already.
            _heldSnapshot = message;
            return;
        }

        if (RestoreSnapshot(snapshot))
        {
            _trace.Write(RaftLogLevel.Info, $"{_id:x} [commit: {_log.Committed}] restored snapshot [index: {index}, term: {term}]");
            Send(AppendResponse(message.From, _log.LastIndex));
        }
        else
        {
            _trace.Write(RaftLogLevel.Info, $"{_id:x} [commit: {_log.Committed}] ignored snapshot [index: {index}, term: {term}]");
            Send(AppendResponse(message.From, _log.Committed));
        }
    }

    private void ReleaseHeldSnapshot()
    {
        if (_heldSnapshot is not { } held || _log.Applying > _log.Applied)
            return;
        _heldSnapshot = null;
        Handle(held);
    }

    /// <summary>Replaces log and configuration; false when the snapshot brings nothing new or is not for this member.</summary>
    private bool RestoreSnapshot(Snapshot snapshot)
    {
        var (state, index, term) = snapshot.Metadata;
        if (index <= _log.Committed)
            return false;
        Invariant.Holds(_role == RaftRole.Follower, $"{_id:x} attempted to restore snapshot as {_role}");
        if (!state.Voters.Contains(_id) && !state.Learners.Contains(_id) && !state.VotersOutgoing.Contains(_id))
        {
            // A member that is not in the configuration could never leave this state by itself.
            _trace.Write(RaftLogLevel.Warn, $"{_id:x} attempted to restore snapshot but it is not in the ConfState {Describe.ConfState(state)}; should never happen");
            return false;
        }

        if (_log.Matches(new EntryId(term, index)))
        {
            LogSnapshot("fast-forwarded commit to snapshot", index, term);
            _log.CommitTo(index);
            return false;
        }

        _log.Restore(snapshot);
        _tracker = NewTracker();
        RestoreConfiguration(state);
        LogSnapshot("restored snapshot", index, term);
        return true;
    }

    private void LogSnapshot(string what, ulong index, ulong term)
    {
        if (!_trace.IsEnabled(RaftLogLevel.Info))
            return;
        var last = _log.LastId;
        _trace.Write(RaftLogLevel.Info, $"{_id:x} [commit: {_log.Committed}, lastindex: {last.Index}, lastterm: {last.Term}] {what} [index: {index}, term: {term}]");
    }

    private void HandleForgetLeader()
    {
        // A lease holder's reads rely on nobody voting before the lease is over.
        if (_options.ReadOnlyOption == ReadOnlyOption.LeaseBased)
        {
            _trace.Write(RaftLogLevel.Error, $"ignoring MsgForgetLeader due to ReadOnlyLeaseBased");
            return;
        }

        if (_lead == 0)
            return;
        _trace.Write(RaftLogLevel.Info, $"{_id:x} forgetting leader {_lead:x} at term {_term}");
        _lead = 0;
    }

    private Message AppendResponse(ulong to, ulong index) =>
        new() { Type = MessageType.AppResp, To = to, From = _id, Term = _term, Index = index };

    private void RestoreConfiguration(ConfState state)
    {
        var (configuration, members) = Restore.From(_tracker, _log.LastIndex, state);
        SwitchTo(configuration, members);
        Invariant.Holds(Equivalent(state, configuration.ToConfState()),
            $"configuration {Describe.ConfState(state)} was restored as {configuration}");
    }

    private static bool Equivalent(ConfState a, ConfState b) =>
        SameSet(a.Voters, b.Voters) && SameSet(a.Learners, b.Learners) && SameSet(a.VotersOutgoing, b.VotersOutgoing)
        && SameSet(a.LearnersNext, b.LearnersNext) && a.AutoLeave == b.AutoLeave;

    private static bool SameSet(IReadOnlyList<ulong> a, IReadOnlyList<ulong> b) => a.Count == b.Count && a.ToHashSet().SetEquals(b);
}
