using EtcdNet.Raft.Quorum;

namespace EtcdNet.Raft;

/// <summary>Linearizable reads without a log entry: thesis §6.4 (ReadIndex) and §6.4.1 (lease).</summary>
public sealed partial class RaftNode
{
    private readonly List<Message> _readsBeforeFirstCommit = [];

    /// <summary>
    /// Asks for a read index. The answer comes as a <see cref="ReadState"/> with the same context; it may never come (no leader,
    /// a lost message), so ask again after a while.
    /// </summary>
    /// <param name="context">Names the request; unique among those that wait, best a counter with the member's id.</param>
    /// <exception cref="ArgumentException">The context is empty, so no answer could be matched to it.</exception>
    public void ReadIndex(ReadOnlyMemory<byte> context)
    {
        if (context.IsEmpty)
            throw new ArgumentException("must not be empty", nameof(context));
        StepByRole(new Message { Type = MessageType.ReadIndex, Entries = [new Entry(EntryType.Normal, 0, 0, context)] });
    }

    /// <summary>
    /// Before the leader has committed in its own term it cannot know the newest commit index (thesis §6.4 step 1).
    /// </summary>
    private bool HasCommittedInTerm => _log.TermOrZero(_log.Committed) == _term;

    private void HandleReadIndex(Message request)
    {
        if (request.Entries.Count != 1 || request.Entries[0].Data.IsEmpty)
        {
            _trace.Write(RaftLogLevel.Error, $"{_id:x} invalid format of MsgReadIndex from {request.From:x}, entries count: {request.Entries.Count}");
            return;
        }

        var voters = _tracker.Configuration.Voters;
        if (voters.Incoming.Count == 1 && !voters.IsJoint && voters.Contains(_id) && HasCommittedInTerm)
            AnswerRead(request, _log.Committed);
        else if (!HasCommittedInTerm)
            _readsBeforeFirstCommit.Add(request);
        else
            StartRead(request);
    }

    private void StartRead(Message request)
    {
        if (_options.ReadOnlyOption == ReadOnlyOption.LeaseBased)
        {
            AnswerRead(request, _log.Committed);
            return;
        }

        var context = request.Entries[0].Data;
        _reads.Add(_log.Committed, request);
        _reads.Acknowledge(_id, context);
        BroadcastHeartbeat(context);
    }

    private void ReleaseReadsBeforeFirstCommit()
    {
        if (_readsBeforeFirstCommit.Count == 0 || !HasCommittedInTerm)
            return;
        foreach (var request in _readsBeforeFirstCommit)
            HandleReadIndex(request);
        _readsBeforeFirstCommit.Clear();
    }

    private void ConfirmReads(ulong from, ReadOnlyMemory<byte> context)
    {
        if (context.IsEmpty || _options.ReadOnlyOption != ReadOnlyOption.Safe || _reads.Acknowledge(from, context) is not { } votes)
            return;
        if (_tracker.Configuration.Voters.Vote(votes) != VoteResult.Won)
            return;
        foreach (var (request, index) in _reads.Release(context))
            AnswerRead(request, index);
    }

    private void AnswerRead(Message request, ulong index)
    {
        if (request.From == 0 || request.From == _id)
            _readStates.Add(new ReadState(index, request.Entries[0].Data));
        else
            Send(new Message { Type = MessageType.ReadIndexResp, To = request.From, From = _id, Term = _term, Index = index, Entries = request.Entries });
    }

    private void HandleReadIndexResponse(Message message)
    {
        if (message.Entries.Count != 1)
        {
            _trace.Write(RaftLogLevel.Error, $"{_id:x} invalid format of MsgReadIndexResp from {message.From:x}, entries count: {message.Entries.Count}");
            return;
        }

        _readStates.Add(new ReadState(message.Index, message.Entries[0].Data));
    }
}
