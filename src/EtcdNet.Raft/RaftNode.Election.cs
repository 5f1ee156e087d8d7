using EtcdNet.Raft.Quorum;

namespace EtcdNet.Raft;

/// <summary>Elections: Raft paper §5.2 and §5.4.1, thesis §4.2.3 (lease), §3.10 (transfer), §9.6 (pre-vote).</summary>
public sealed partial class RaftNode
{
    /// <summary>Vote request context that overrides the lease: the old leader itself asked for this election.</summary>
    private static readonly byte[] TransferContext = "CampaignTransfer"u8.ToArray();

    private enum CampaignKind
    {
        PreElection,
        Election,
        Transfer,
    }

    /// <summary>A voter of the configuration whose state is complete; others would win elections nobody can use.</summary>
    private bool IsPromotable => _tracker.Find(_id) is { IsLearner: false } && !_log.HasSnapshot;

    private void TickElection()
    {
        _electionElapsed++;
        if (!IsPromotable || _electionElapsed < _randomizedElectionTimeout)
            return;
        _electionElapsed = 0;
        EndHaste();
        Campaign();
    }

    /// <summary>
    /// The process of <paramref name="id"/> is known to have ended: its connections closed and it takes no new ones. If it led, the
    /// members that know this need not wait for the election timeout. They forget it, so that they may vote, and campaign one after
    /// the other, a tick apart, so that their votes do not split. The rules of voting are unchanged: being wrong costs a leader at worst.
    /// </summary>
    public void ReportGone(ulong id)
    {
        if (_role == RaftRole.Leader)
            ReportUnreachable(id);
        else if (id != 0 && id == _lead)
            SucceedSoon(id);
    }

    private void SucceedSoon(ulong gone)
    {
        HandleForgetLeader();
        if (_lead != 0)
            return;
        var rank = 1;
        foreach (var id in _tracker.Configuration.Voters.Ids)
            rank += id != gone && id < _id ? 1 : 0;
        (_electionElapsed, _randomizedElectionTimeout) = (0, Math.Min(rank, _randomizedElectionTimeout));
    }

    /// <summary>One early attempt is enough; from there on, or when a leader is heard, the usual timeout counts.</summary>
    private void EndHaste()
    {
        if (_randomizedElectionTimeout < _options.ElectionTick)
            _randomizedElectionTimeout = NextElectionTimeout();
    }

    private int NextElectionTimeout() => _options.ElectionTick + _options.Random.Next(_options.ElectionTick);

    private void Hup(CampaignKind kind)
    {
        if (_role == RaftRole.Leader)
        {
            _trace.Write(RaftLogLevel.Debug, $"{_id:x} ignoring MsgHup because already leader");
            return;
        }

        if (!IsPromotable)
        {
            _trace.Write(RaftLogLevel.Warn, $"{_id:x} is unpromotable and can not campaign");
            return;
        }

        // A leader must know the newest committed configuration, else it could count a majority that is none any more.
        if (HasUnappliedConfChanges())
        {
            _trace.Write(RaftLogLevel.Warn, $"{_id:x} cannot campaign at term {_term} since there are still pending configuration changes to apply");
            return;
        }

        _trace.Write(RaftLogLevel.Info, $"{_id:x} is starting a new election at term {_term}");
        StartCampaign(kind);
    }

    private void StartCampaign(CampaignKind kind)
    {
        var isPreVote = kind == CampaignKind.PreElection;
        if (isPreVote)
            BecomePreCandidate();
        else
            BecomeCandidate();
        var type = isPreVote ? MessageType.PreVote : MessageType.Vote;
        var term = isPreVote ? _term + 1 : _term;
        var last = _log.LastId;
        foreach (var id in _tracker.Configuration.Voters.Ids)
        {
            if (id == _id)
            {
                // The own vote counts when it is durable, like any other: it comes back as a message.
                Send(new Message { Type = ResponseTo(type), To = id, From = _id, Term = term });
                continue;
            }

            _trace.Write(RaftLogLevel.Info, $"{_id:x} [logterm: {last.Term}, index: {last.Index}] sent {Describe.Type(type)} request to {id:x} at term {_term}");
            Send(new Message
            {
                Type = type, To = id, From = _id, Term = term, Index = last.Index, LogTerm = last.Term,
                Context = kind == CampaignKind.Transfer ? TransferContext : default,
            });
        }
    }

    /// <summary>
    /// A member that heard its leader within the minimum election timeout neither votes nor raises its term (thesis §4.2.3):
    /// so removed or cut-off members cannot disturb a healthy cluster.
    /// </summary>
    private bool IgnoresVoteInLease(Message message)
    {
        if (message.Type is not (MessageType.Vote or MessageType.PreVote))
            return false;
        var inLease = _options.CheckQuorum && _lead != 0 && _electionElapsed < _options.ElectionTick;
        if (!inLease || message.Context.Span.SequenceEqual(TransferContext))
            return false;
        if (_trace.IsEnabled(RaftLogLevel.Info))
        {
            var last = _log.LastId;
            _trace.Write(RaftLogLevel.Info, $"{_id:x} [logterm: {last.Term}, index: {last.Index}, vote: {_vote:x}] ignored {Describe.Type(message.Type)} from {message.From:x} [logterm: {message.LogTerm}, index: {message.Index}] at term {_term}: lease is not expired (remaining ticks: {_options.ElectionTick - _electionElapsed})");
        }

        return true;
    }

    /// <summary>
    /// Grants at most one real vote a term, to a candidate whose log is at least as good (Raft paper §5.2, §5.4.1). Learners vote
    /// too: one that was promoted without knowing it yet may be needed.
    /// </summary>
    private void HandleVoteRequest(Message message)
    {
        var canVote = _vote == message.From || (_vote == 0 && _lead == 0)
            || (message.Type == MessageType.PreVote && message.Term > _term);
        if (!canVote || !_log.IsUpToDate(new EntryId(message.LogTerm, message.Index)))
        {
            LogVote("rejected", message);
            Send(Rejection(message));
            return;
        }

        // The answer carries the term asked for: that of a pre-vote is ahead of ours, and the candidate ignores lower ones.
        LogVote("cast", message);
        Send(new Message { Type = ResponseTo(message.Type), To = message.From, From = _id, Term = message.Term });
        if (message.Type == MessageType.Vote)
        {
            _electionElapsed = 0;
            _vote = message.From;
        }
    }

    /// <summary>
    /// A member that was removed tells what it knows to be committed. The candidate may not know yet that the removal is, and so ask
    /// a majority that cannot answer any more; without this hint it could do so for ever. (Goes beyond etcd, whose members ignore it.)
    /// </summary>
    private Message Rejection(Message request)
    {
        var isRemoved = !_tracker.Configuration.Voters.Contains(_id);
        return new Message
        {
            Type = ResponseTo(request.Type), To = request.From, From = _id, Term = _term, Reject = true,
            Index = isRemoved ? _log.Committed : 0, LogTerm = isRemoved ? _log.TermOrZero(_log.Committed) : 0,
        };
    }

    private void StepCandidate(Message message)
    {
        var ownResponse = _role == RaftRole.PreCandidate ? MessageType.PreVoteResp : MessageType.VoteResp;
        switch (message.Type)
        {
            case MessageType.App or MessageType.Heartbeat or MessageType.Snap:
                // Somebody else won this term.
                BecomeFollower(message.Term, message.From);
                StepFollower(message);
                break;
            case MessageType.PreVoteResp or MessageType.VoteResp when message.Type == ownResponse:
                CountVote(message);
                break;
            case MessageType.TimeoutNow:
                _trace.Write(RaftLogLevel.Debug, $"{_id:x} [term {_term} state {Describe.Role(_role)}] ignored MsgTimeoutNow from {message.From:x}");
                break;
        }
    }

    private void CountVote(Message message)
    {
        // Committed anywhere is committed: an entry of the same term and index in our log is that entry (log matching, §5.3).
        if (message.Reject)
            _log.TryCommit(new EntryId(message.LogTerm, message.Index));
        var type = Describe.Type(message.Type);
        if (message.Reject)
            _trace.Write(RaftLogLevel.Info, $"{_id:x} received {type} rejection from {message.From:x} at term {_term}");
        else
            _trace.Write(RaftLogLevel.Info, $"{_id:x} received {type} from {message.From:x} at term {_term}");
        _tracker.RecordVote(message.From, !message.Reject);
        var (granted, rejected, result) = _tracker.TallyVotes();
        _trace.Write(RaftLogLevel.Info, $"{_id:x} has received {granted} {type} votes and {rejected} vote rejections");
        switch (result)
        {
            case VoteResult.Won when _role == RaftRole.PreCandidate:
                StartCampaign(CampaignKind.Election);
                break;
            case VoteResult.Won when !_tracker.HasVoteOf(_id):
                // Term and own vote are not durable yet. Leading now, crashing and forgetting the term, this member could win the
                // same term again and put other entries where the first ones were.
                break;
            case VoteResult.Won:
                BecomeLeader();
                BroadcastAppend();
                break;
            case VoteResult.Lost:
                // The message of a pre-vote carries a future term, so stay at ours.
                BecomeFollower(_term, 0);
                break;
        }
    }

    private void BecomeFollower(ulong term, ulong lead)
    {
        Reset(term);
        _lead = lead;
        _role = RaftRole.Follower;
        _trace.Write(RaftLogLevel.Info, $"{_id:x} became follower at term {_term}");
    }

    private void BecomeCandidate()
    {
        Invariant.Holds(_role != RaftRole.Leader, $"invalid transition [leader -> candidate]");
        Reset(_term + 1);
        _vote = _id;
        _role = RaftRole.Candidate;
        _trace.Write(RaftLogLevel.Info, $"{_id:x} became candidate at term {_term}");
    }

    /// <summary>Changes neither term nor vote: nothing to take back if the answer is no (thesis §9.6).</summary>
    private void BecomePreCandidate()
    {
        Invariant.Holds(_role != RaftRole.Leader, $"invalid transition [leader -> pre-candidate]");
        _tracker.ResetVotes();
        _lead = 0;
        _role = RaftRole.PreCandidate;
        _trace.Write(RaftLogLevel.Info, $"{_id:x} became pre-candidate at term {_term}");
    }

    private void Reset(ulong term)
    {
        Invariant.Holds(term >= _term, $"term goes back from {_term} to {term}");
        if (_term != term)
            (_term, _vote) = (term, 0);
        _lead = 0;
        _electionElapsed = _heartbeatElapsed = 0;
        _randomizedElectionTimeout = NextElectionTimeout();
        _leadTransferee = 0;
        _tracker.ResetVotes();
        var last = _log.LastIndex;
        foreach (var member in _tracker.Members)
            member.Reset(member.Id == _id ? last : 0, last + 1);
        _pendingConfIndex = 0;
        _uncommittedBytes = 0;
        _reads.Clear();
        _readsBeforeFirstCommit.Clear();
    }

    private void LogVote(string verb, Message message)
    {
        if (!_trace.IsEnabled(RaftLogLevel.Info))
            return;
        var last = _log.LastId;
        _trace.Write(RaftLogLevel.Info, $"{_id:x} [logterm: {last.Term}, index: {last.Index}, vote: {_vote:x}] {verb} {Describe.Type(message.Type)} {(verb == "cast" ? "for" : "from")} {message.From:x} [logterm: {message.LogTerm}, index: {message.Index}] at term {_term}");
    }

    private static MessageType ResponseTo(MessageType vote) =>
        vote == MessageType.PreVote ? MessageType.PreVoteResp : MessageType.VoteResp;
}
