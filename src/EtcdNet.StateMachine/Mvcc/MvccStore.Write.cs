using EtcdNet.StateMachine.Errors;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>The applier's side: transactions, batches, publishing. One thread.</summary>
public sealed partial class MvccStore
{
    // Who takes them does so between any two batches; if nobody does, nothing must grow.
    private const int ScheduledMax = 10;

    private readonly List<List<StoreEvent>> _pendingEvents = [];
    private readonly Queue<(long Revision, long Before)> _scheduled = new();
    private readonly Stack<List<StoreEvent>> _spareLists = new();
    private bool _inBatch;
    private bool _dirty;

    /// <summary>Told of every revision's events after it was published; null for nobody.</summary>
    public IWatchSink? WatchSink { get; set; }

    /// <summary>Revision of the last transaction, published or not.</summary>
    internal long WorkingRevision { get; private set; } = 1;

    /// <summary>Latest compaction, published or not; −1 for none.</summary>
    internal long WorkingCompactRevision { get; private set; } = -1;

    /// <summary>Keys that a compaction may find something to prune in.</summary>
    internal Queue<KeyHistory> PruneQueue { get; } = new();

    /// <summary>Target of the last pass of the compactor that has begun; −1 for none.</summary>
    internal long PrunedTo { get; set; } = -1;

    /// <summary>A compactor's pass is under way.</summary>
    internal bool IsPruning { get; set; }

    /// <summary>Records that are live by the rule of the finished compaction.</summary>
    internal long RecordCount { get; set; }

    /// <summary>Sum of their checksums.</summary>
    internal ulong RecordCrcSum { get; set; }

    /// <summary>Starts a write transaction; end it before the next one starts.</summary>
    internal WriteTxn BeginTxn()
    {
        _txn.Start(WorkingRevision, SpareList());
        return _txn;
    }

    /// <summary>The state as the writer sees it, unpublished changes included.</summary>
    internal ReadView WorkingView() => new(Index.Root, WorkingRevision, WorkingCompactRevision);

    /// <summary>Holds publishing back until <see cref="EndBatch"/>: readers see all of the batch or nothing.</summary>
    internal void BeginBatch()
    {
        Invariant.Check(!_inBatch);
        _inBatch = true;
    }

    /// <summary>Publishes a batch and delivers its events.</summary>
    internal void EndBatch()
    {
        Invariant.Check(_inBatch);
        _inBatch = false;
        Publish();
    }

    /// <summary>Ends a transaction that changed something.</summary>
    internal void Commit(long revision, List<StoreEvent> events)
    {
        Invariant.Check(revision == WorkingRevision + 1);
        WorkingRevision = revision;
        _dirty = true;
        if (events.Count > 0)
            _pendingEvents.Add(events);
        else
            _spareLists.Push(events);
        if (!_inBatch)
            Publish();
    }

    /// <summary>Ends a transaction that changed nothing.</summary>
    internal void Abandon(List<StoreEvent> events) => _spareLists.Push(events);

    /// <summary>Moves the compact revision.</summary>
    /// <exception cref="EtcdException">Compacted, FutureRev.</exception>
    internal void ScheduleCompaction(long revision)
    {
        if (revision <= WorkingCompactRevision)
            throw EtcdError.Compacted.ToException();
        if (revision > WorkingRevision)
            throw EtcdError.FutureRev.ToException();
        if (_scheduled.Count == ScheduledMax)
            _scheduled.Dequeue();
        _scheduled.Enqueue((revision, WorkingCompactRevision));
        WorkingCompactRevision = revision;
        Changed();
    }

    /// <summary>
    /// The next compaction that was applied since the last call and whose pass has not begun; null for none. The compactor waits
    /// until it is disposed. Applier's thread, outside of a batch and before the compactor's next step.
    /// </summary>
    public ScheduledCompaction? TakeScheduled()
    {
        Invariant.Check(IsPublished);
        while (_scheduled.TryDequeue(out (long Revision, long Before) next))
        {
            // What a pass has begun to prune cannot be hashed any more.
            if (next.Before >= PrunedTo)
                return new ScheduledCompaction(this, next.Revision, next.Before);
        }
        return null;
    }

    /// <summary>The index was changed outside of a transaction.</summary>
    internal void Changed()
    {
        _dirty = true;
        if (!_inBatch)
            Publish();
    }

    /// <summary>Puts a key into the compactor's queue when it may have something to prune.</summary>
    internal void QueueForPruning(KeyHistory item)
    {
        if (item.IsQueued || !item.IsPrunable)
            return;
        item.IsQueued = true;
        PruneQueue.Enqueue(item);
    }

    /// <summary>Everything up to the last applied entry is visible to readers.</summary>
    internal bool IsPublished => !_inBatch && !_dirty;

    private void Publish()
    {
        if (_dirty)
        {
            Volatile.Write(ref _view, WorkingView());
            Index.Seal();
            _dirty = false;
        }
        if (_pendingEvents.Count > 0)
            DeliverEvents();
    }

    private void DeliverEvents()
    {
        foreach (List<StoreEvent> events in _pendingEvents)
        {
            WatchSink?.OnEvents(events[0].Revision.Main, events);
            events.Clear();
            _spareLists.Push(events);
        }
        _pendingEvents.Clear();
    }

    private List<StoreEvent> SpareList() => _spareLists.TryPop(out List<StoreEvent>? list) ? list : [];
}
