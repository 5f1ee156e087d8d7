namespace EtcdNet.Raft;

/// <summary>Handing work to the caller and hearing that it is done.</summary>
public sealed partial class RaftNode
{
    private List<Message> _messages = [];

    /// <summary>
    /// Messages that promise something durable (votes and acknowledgements): they may leave, or be handled here, only when
    /// everything handed out up to and including the next <see cref="Ready"/> is on disk (Raft paper §5.1, §5.3).
    /// </summary>
    private List<Message> _messagesAfterAppend = [];

    private readonly List<Message> _stepsOnAdvance = [];
    private List<ReadState> _readStates = [];
    private SoftState _previousSoftState;
    private HardState _previousHardState;
    private bool _isReadyAccepted;

    /// <summary>True when <see cref="Ready"/> has something to say.</summary>
    public bool HasReady => _messages.Count > 0 || _messagesAfterAppend.Count > 0 || _readStates.Count > 0
        || _log.Unstable.HasNextEntries || _log.Unstable.NextSnapshot is not null || _log.HasNextCommitted(AllowUnstable)
        || HardState != _previousHardState || SoftState != _previousSoftState;

    /// <summary>In sync mode entries are durable before they are applied, as the caller writes first; they need not be so here.</summary>
    private bool AllowUnstable => !_options.AsyncStorageWrites;

    /// <summary>
    /// The work there is, which thereby counts as taken. In sync mode finish it and call <see cref="Advance"/> before the next one.
    /// </summary>
    public Ready Ready()
    {
        Invariant.Holds(!_isReadyAccepted, $"two accepted Ready structs without call to Advance");
        var hardState = HardState;
        var softState = SoftState;
        var entries = _log.Unstable.NextEntries();
        var committed = _log.NextCommitted(AllowUnstable);
        var snapshot = _log.Unstable.NextSnapshot;
        var work = new StorageWork(hardState == _previousHardState ? null : hardState, entries, committed, snapshot);
        if (_options.AsyncStorageWrites)
            AddStorageMessages(work);
        else
            AddMessagesAfterAppend(work);
        var ready = new Ready
        {
            SoftState = softState == _previousSoftState ? null : softState,
            HardState = work.HardState,
            ReadStates = _readStates.Count == 0 ? [] : Taken(ref _readStates),
            Entries = entries,
            Snapshot = snapshot,
            CommittedEntries = committed,
            Messages = _messages.Count == 0 ? [] : Taken(ref _messages),
            MustSync = entries.Count > 0 || hardState.Term != _previousHardState.Term || hardState.Vote != _previousHardState.Vote,
        };
        Accept(ready, committed);
        return ready;
    }

    /// <summary>Sync mode: everything in the last <see cref="Ready"/> is durable, sent and applied.</summary>
    public void Advance()
    {
        Invariant.Holds(!_options.AsyncStorageWrites, $"Advance must not be called when using AsyncStorageWrites");
        Invariant.Holds(_isReadyAccepted, $"Advance without Ready");
        _isReadyAccepted = false;
        foreach (var message in _stepsOnAdvance)
            Handle(message);
        _stepsOnAdvance.Clear();
    }

    private void Accept(Ready ready, EntrySlice committed)
    {
        if (ready.SoftState is { } softState)
            _previousSoftState = softState;
        if (ready.HardState is { } hardState)
            _previousHardState = hardState;
        _log.Unstable.AcceptInProgress();
        if (committed.Count > 0)
            _log.AcceptApplying(committed[^1].Index, EntrySize.Encoded(committed.Span), AllowUnstable);
        _isReadyAccepted = !_options.AsyncStorageWrites;
    }

    /// <summary>Async mode: the writes and applies as messages to the local workers.</summary>
    private void AddStorageMessages(StorageWork work)
    {
        if (work.HardState is not null || work.Entries.Count > 0 || work.Snapshot is not null || _messagesAfterAppend.Count > 0)
            _messages.Add(StorageAppend(work));
        if (work.Committed.Count > 0)
        {
            _messages.Add(new Message
            {
                Type = MessageType.StorageApply, To = LocalThreads.Apply, From = _id, Entries = work.Committed,
                Responses = [StorageApplied(work.Committed)],
            });
        }
    }

    private Message StorageAppend(StorageWork work)
    {
        // The answers to others and to oneself come first and the note about stable entries last: the answers then still find
        // their entries in memory.
        var responses = Taken(ref _messagesAfterAppend);
        if (NeedsAppendResponse(work))
            responses.Add(StorageAppended(work));
        var hardState = work.HardState ?? default;
        return new Message
        {
            Type = MessageType.StorageAppend, To = LocalThreads.Append, From = _id, Term = hardState.Term, Vote = hardState.Vote,
            Commit = hardState.Commit, Entries = work.Entries, Snapshot = work.Snapshot, Responses = responses,
        };
    }

    /// <summary>Sync mode: the caller writes before it sends, so what waits for the write can be handed out with it.</summary>
    private void AddMessagesAfterAppend(StorageWork work)
    {
        foreach (var message in _messagesAfterAppend)
        {
            if (message.To == _id)
                _stepsOnAdvance.Add(message);
            else
                _messages.Add(message);
        }

        _messagesAfterAppend.Clear();

        if (NeedsAppendResponse(work))
            _stepsOnAdvance.Add(StorageAppended(work));
        if (work.Committed.Count > 0)
            _stepsOnAdvance.Add(StorageApplied(work.Committed));
    }

    /// <summary>
    /// Entries in progress count too: an earlier confirmation is ignored when the term moved on meanwhile, so every later write
    /// repeats it for all that is written by then.
    /// </summary>
    private bool NeedsAppendResponse(StorageWork work) => _log.Unstable.Count > 0 || work.Snapshot is not null;

    /// <summary>
    /// Names the last entry by term and index, and the current term, so that a confirmation that was overtaken by a new leader's
    /// entries is recognised: an entry could be overwritten and overwritten back meanwhile.
    /// </summary>
    private Message StorageAppended(StorageWork work)
    {
        var last = _log.Unstable.Count > 0 ? _log.LastId : default;
        return new Message
        {
            Type = MessageType.StorageAppendResp, To = _id, From = LocalThreads.Append, Term = _term,
            Index = last.Index, LogTerm = last.Term, Snapshot = work.Snapshot,
        };
    }

    private Message StorageApplied(EntrySlice committed) => new()
    {
        Type = MessageType.StorageApplyResp, To = _id, From = LocalThreads.Apply, Entries = committed,
    };

    private void HandleStorageAppended(Message message)
    {
        if (message.Index != 0)
            _log.Unstable.StableTo(new EntryId(message.LogTerm, message.Index));
        if (message.Snapshot is not null)
            AppliedSnapshot(message.Snapshot);
    }

    private void HandleStorageApplied(Message message)
    {
        if (message.Entries.Count == 0)
            return;
        var entries = EntrySlice.From(message.Entries).Span;
        AppliedTo(entries[^1].Index, EntrySize.Encoded(entries));
        ReduceUncommitted(EntrySize.Payload(entries));
        ReleaseHeldSnapshot();
    }

    private void AppliedSnapshot(Snapshot snapshot)
    {
        _log.Unstable.StableSnapshotTo(snapshot.Metadata.Index);
        AppliedTo(snapshot.Metadata.Index, 0);
    }

    /// <summary>Messages that carry a promise wait for the disk, the rest may leave at once.</summary>
    private void Send(Message message)
    {
        if (message.Type is MessageType.AppResp or MessageType.VoteResp or MessageType.PreVoteResp)
        {
            _messagesAfterAppend.Add(message);
            return;
        }

        Invariant.Holds(message.To != _id, $"message should not be self-addressed when sending {message.Type}");
        _messages.Add(message);
    }

    /// <summary>Hands a list over for good: the node goes on with a new one and never touches what the caller holds.</summary>
    private static List<T> Taken<T>(ref List<T> list)
    {
        var taken = list;
        list = [];
        return taken;
    }

    private readonly record struct StorageWork(HardState? HardState, EntrySlice Entries, EntrySlice Committed, Snapshot? Snapshot);
}
