using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>
/// Where the applier's events meet the watchers. The applier only leaves a revision in the inbox; on the thread pool it is
/// matched and handed to the streams of the synced watchers. A watcher whose stream has no room, or that starts in the past, is
/// unsynced and catches up on the thread of its stream's writer (<see cref="WatchDispatcher"/>).
/// </summary>
/// <remarks>
/// No gap and no repeat: a watcher is moved to the synced ones only under the lock under which revisions are matched, and
/// only when every revision up to the newest matched one was read for it, from the history or from the recent revisions.
/// Revisions after that moment are matched for it, revisions before its <c>NextRevision</c> are not.
/// </remarks>
public sealed class WatchHub : IWatchSink
{
    private readonly Lock _gate = new();
    private readonly IHistory _history;
    private readonly WatcherGroup<HubWatcher> _synced = new();
    private readonly List<WatcherBucket<HubWatcher>> _hits = [];
    private readonly RecentBatches _recent;
    private readonly HashSet<WatchStream> _streams = [];
    private readonly WatchInbox _inbox;
    private List<EventBatch> _arrived = [];
    private long _revision; // newest one that was matched
    private int _unsynced;
    private int _watchers;
    private int _scheduled;
    private long _eventsSent;

    /// <summary>Starts at the history's current revision; every later one has to be told.</summary>
    public WatchHub(IHistory history, WatchOptions options)
    {
        _history = history;
        Options = options;
        _recent = new RecentBatches(options.RecentRevisionsMax, options.RecentBytesMax);
        _revision = history.CurrentRevision;
        _inbox = new WatchInbox(_revision, options.InboxRevisionsMax, options.InboxBytesMax);
        Dispatcher = new WatchDispatcher(this, history, options);
    }

    /// <summary>Watchers of all streams (etcd_debugging_mvcc_watcher_total).</summary>
    public int WatcherTotal => Volatile.Read(ref _watchers);

    /// <summary>Watchers that are behind (etcd_debugging_mvcc_slow_watcher_total).</summary>
    public int SlowWatcherTotal
    {
        get
        {
            lock (_gate)
            {
                DeliverUnderLock();
                return _unsynced;
            }
        }
    }

    /// <summary>Open streams (etcd_debugging_mvcc_watch_stream_total).</summary>
    public int WatchStreamTotal
    {
        get
        {
            lock (_gate)
                return _streams.Count;
        }
    }

    /// <summary>Events written to clients so far (etcd_debugging_mvcc_events_total).</summary>
    public long EventsTotal => Volatile.Read(ref _eventsSent);

    /// <summary>Event responses that wait to be written (etcd_debugging_mvcc_pending_events_total).</summary>
    public long PendingEventsTotal
    {
        get
        {
            lock (_gate)
            {
                DeliverUnderLock();
                return _streams.Sum(static stream => (long)stream.PendingEvents);
            }
        }
    }

    internal WatchOptions Options { get; }

    /// <summary>Newest revision that readers can see.</summary>
    internal long CurrentRevision => _history.CurrentRevision;

    /// <summary>See <see cref="IHistory.CompactRevision"/>.</summary>
    internal long CompactRevision => _history.CompactRevision;

    internal WatchDispatcher Dispatcher { get; }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The revision was told before.</exception>
    public void OnEvents(long revision, IReadOnlyList<StoreEvent> events)
    {
        // While nobody watches no batch is made. A watcher that is created this moment counts itself before it looks into the
        // inbox, so either it finds the revision there or it is seen by the second look here, and reads the history.
        EventBatch? batch = Volatile.Read(ref _watchers) == 0 ? null : new EventBatch(revision, events);
        _inbox.Add(revision, batch);
        if (Volatile.Read(ref _watchers) != 0 && Interlocked.Exchange(ref _scheduled, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static hub => hub.Deliver(), this, preferLocal: false);
    }

    /// <summary>
    /// The whole state was replaced, by a leader's snapshot for instance: every watcher catches up from the new history.
    /// Called on the applier's thread when the history has its new revision.
    /// </summary>
    public void OnRestored()
    {
        lock (_gate)
        {
            DeliverUnderLock();
            FallBehindUnderLock();
            _revision = _history.CurrentRevision;
            _inbox.Restart(_revision);
            Dispatcher.Past.Clear();
        }
    }

    internal WatchStream OpenStream()
    {
        var stream = new WatchStream(Options);
        lock (_gate)
            _streams.Add(stream);
        return stream;
    }

    /// <summary>Removes a stream with all its watchers.</summary>
    internal void Close(WatchStream stream)
    {
        lock (_gate)
        {
            stream.Closed = true;
            foreach (HubWatcher watcher in stream.Watchers.Values)
                RetireUnderLock(watcher);
            stream.Watchers.Clear();
            _streams.Remove(stream);
        }
        stream.Wake();
    }

    /// <summary>Makes a watcher and queues the answer, before which none of its events can be queued.</summary>
    /// <returns>Null, or why the watcher cannot be made.</returns>
    internal string? Create(WatchStream stream, WatchRequested requested, Func<HubWatcher, long, WatchResponse> answer)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(stream.Closed, stream);
            Interlocked.Increment(ref _watchers); // before the look into the inbox, see OnEvents
            DeliverUnderLock();
            // Readers may see a revision a moment before it is told here; "from now on" means after what they saw.
            long current = Math.Max(_history.CurrentRevision, _revision);
            long id = requested.Id;
            if (id == 0)
            {
                id = FreeIdUnderLock(stream);
            }
            else if (stream.Watchers.ContainsKey(id) || stream.Ended.Contains(id))
            {
                _watchers--;
                return "mvcc: duplicate watch ID provided on the WatchStream";
            }
            long start = requested.StartRevision;
            var watcher = new HubWatcher(stream, id, requested) { NextRevision = start == 0 ? current + 1 : start };
            stream.Watchers.Add(id, watcher);
            stream.Enqueue(answer(watcher, current));
            if (watcher.NextRevision > _revision)
            {
                watcher.State = WatcherState.Synced;
                _synced.Add(watcher);
            }
            else
            {
                MarkUnsyncedUnderLock(watcher);
            }
            return null;
        }
    }

    /// <summary>Ends a watcher and queues the answer; false for an unknown id.</summary>
    internal bool Cancel(WatchStream stream, long id, Func<long, WatchResponse> answer)
    {
        lock (_gate)
        {
            DeliverUnderLock();
            if (stream.Watchers.Remove(id, out HubWatcher? watcher))
                RetireUnderLock(watcher);
            else if (!stream.Ended.Remove(id))
                return false;
            stream.Enqueue(answer(Math.Max(_history.CurrentRevision, _revision)));
            return true;
        }
    }

    /// <summary>Ends a watcher whose next revision is compacted; false when it has ended already.</summary>
    internal bool Retire(HubWatcher watcher)
    {
        lock (_gate)
        {
            if (watcher.State == WatcherState.Closed)
                return false;
            watcher.Stream.Watchers.Remove(watcher.Id);
            watcher.Stream.Ended.Add(watcher.Id);
            RetireUnderLock(watcher);
            return true;
        }
    }

    /// <summary>
    /// Queues the answer to a progress request when every watcher of the stream has been queued everything up to the told
    /// revision; else nothing is answered, as etcd does.
    /// </summary>
    internal void Progress(WatchStream stream, Func<long, WatchResponse> answer)
    {
        lock (_gate)
        {
            DeliverUnderLock();
            if (stream.Watchers.Count == 0)
                return;
            foreach (HubWatcher watcher in stream.Watchers.Values)
            {
                if (!IsUpToDateUnderLock(watcher))
                    return;
            }
            stream.Enqueue(answer(_revision));
        }
    }

    /// <summary>Tells the watchers that asked for it, and had no event since the last call, how far the stream is.</summary>
    internal void IdleProgress(WatchStream stream, Func<HubWatcher, long, WatchResponse> answer)
    {
        lock (_gate)
        {
            DeliverUnderLock();
            foreach (HubWatcher watcher in stream.Watchers.Values)
            {
                if (!watcher.Requested.ProgressNotify)
                    continue;
                if (!watcher.Active && IsUpToDateUnderLock(watcher))
                    stream.Enqueue(answer(watcher, _revision));
                watcher.Active = false;
            }
        }
    }

    /// <summary>Drops the watchers that were cancelled.</summary>
    internal void DropClosed(List<HubWatcher> watchers)
    {
        lock (_gate)
            watchers.RemoveAll(static watcher => watcher.State == WatcherState.Closed);
    }

    /// <summary>
    /// Moves watchers that need everything from <paramref name="next"/> on to the synced ones, if what is missing is in
    /// memory: <paramref name="missing"/> has to be written to them before anything that is queued from now on.
    /// </summary>
    internal bool TryJoin(List<HubWatcher> watchers, long next, out EventBatch[] missing, out long revision)
    {
        missing = [];
        lock (_gate)
        {
            revision = Math.Max(_revision, next - 1);
            if (next <= _revision)
            {
                if (!_recent.Covers(next))
                    return false;
                missing = _recent.From(next);
            }
            foreach (HubWatcher watcher in watchers)
            {
                if (watcher.State != WatcherState.Unsynced)
                    continue;
                watcher.State = WatcherState.Synced;
                watcher.NextRevision = Math.Max(next, _revision + 1);
                _unsynced--;
                _synced.Add(watcher);
            }
            return true;
        }
    }

    /// <summary>Notes that a watcher behind has been sent everything before <paramref name="next"/>.</summary>
    internal void Advance(List<HubWatcher> watchers, long next)
    {
        lock (_gate)
        {
            foreach (HubWatcher watcher in watchers)
                watcher.NextRevision = next;
        }
    }

    /// <summary>Notes that a watcher was sent events, so that it counts as not idle.</summary>
    internal void MarkActive(HubWatcher watcher)
    {
        lock (_gate)
            watcher.Active = true;
    }

    internal void CountEvents(int sent) => Interlocked.Add(ref _eventsSent, sent);

    private void Deliver()
    {
        Volatile.Write(ref _scheduled, 0);
        lock (_gate)
            DeliverUnderLock();
    }

    /// <summary>
    /// Matches what the applier has told since the last time. Everybody who changes or asks for the state of watchers does
    /// this first, so to them it looks as if the applier had done it.
    /// </summary>
    private void DeliverUnderLock()
    {
        long told = _inbox.TakeAll(ref _arrived);
        foreach (EventBatch batch in _arrived)
        {
            if (batch.Revision != _revision + 1)
                FallBehindUnderLock();
            _revision = batch.Revision;
            if (_watchers == 0)
            {
                _recent.Clear();
                continue;
            }
            _recent.Add(batch);
            _hits.Clear();
            _synced.Match(batch.Source, _hits);
            foreach (WatcherBucket<HubWatcher> bucket in _hits)
                DeliverUnderLock(bucket, batch);
        }
        _arrived.Clear();
        if (told == _revision)
            return;
        FallBehindUnderLock(); // revisions without a batch: nobody watched, or they were too many
        _revision = told;
    }

    private void DeliverUnderLock(WatcherBucket<HubWatcher> bucket, EventBatch batch)
    {
        EventSlice slice = batch.Select(bucket.Matched);
        for (int i = bucket.Count - 1; i >= 0; i--)
        {
            HubWatcher watcher = bucket[i];
            if (watcher.NextRevision > batch.Revision)
                continue;
            watcher.Active = true;
            if (watcher.Stream.TryEnqueue(watcher, slice, batch))
                continue;
            _synced.Remove(watcher);
            watcher.NextRevision = batch.Revision;
            MarkUnsyncedUnderLock(watcher);
        }
    }

    /// <summary>Revisions after the newest matched one are only in the history: every synced watcher has to look there.</summary>
    private void FallBehindUnderLock()
    {
        _recent.Clear();
        foreach (WatchStream stream in _streams)
        {
            foreach (HubWatcher watcher in stream.Watchers.Values)
            {
                if (watcher.State != WatcherState.Synced)
                    continue;
                _synced.Remove(watcher);
                watcher.NextRevision = Math.Max(watcher.NextRevision, _revision + 1);
                MarkUnsyncedUnderLock(watcher);
            }
        }
    }

    private void MarkUnsyncedUnderLock(HubWatcher watcher)
    {
        watcher.State = WatcherState.Unsynced;
        _unsynced++;
        watcher.Stream.AddBehind(watcher);
    }

    private void RetireUnderLock(HubWatcher watcher)
    {
        if (watcher.State == WatcherState.Synced)
            _synced.Remove(watcher);
        else
            _unsynced--;
        watcher.State = WatcherState.Closed;
        _watchers--;
    }

    /// <summary>
    /// A watcher that waits for a later start has nothing to say: a client that goes on from the revision of the
    /// notification after a reconnect would begin too early.
    /// </summary>
    private bool IsUpToDateUnderLock(HubWatcher watcher) =>
        watcher.State == WatcherState.Synced && watcher.NextRevision <= _revision + 1;

    private static long FreeIdUnderLock(WatchStream stream)
    {
        while (stream.Watchers.ContainsKey(stream.NextId) || stream.Ended.Contains(stream.NextId))
            stream.NextId++;
        return stream.NextId++;
    }
}
