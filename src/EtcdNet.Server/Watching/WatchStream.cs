using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>One thing to be written: a ready answer, or events for a watcher.</summary>
internal readonly record struct QueuedResponse(WatchResponse? Control, HubWatcher? Watcher, EventSlice? Slice, long Revision);

/// <summary>
/// The watchers of one client stream and the responses that wait to be written, in order. The queue is bounded: events that
/// do not fit are not taken and their watcher has to catch up from the history. The lock is taken inside the hub's lock,
/// never the other way round.
/// </summary>
internal sealed class WatchStream(WatchOptions options)
{
    private readonly Lock _gate = new();
    private readonly AsyncSignal _work = new();
    private readonly AsyncSignal _room = new();
    private List<QueuedResponse> _queue = [];
    private List<HubWatcher> _behind = [];
    private EventBatch? _newest;
    private long _bytes;
    private int _events;
    private int _controls;

    /// <summary>Watchers by id. Guarded by the hub's lock.</summary>
    public Dictionary<long, HubWatcher> Watchers { get; } = [];

    /// <summary>
    /// Ids of watchers that a compaction has ended. As in etcd they stay taken until the client cancels them, which is answered. Guarded by the hub's lock.
    /// </summary>
    public HashSet<long> Ended { get; } = [];

    /// <summary>Next id to try when the server chooses. Guarded by the hub's lock.</summary>
    public long NextId { get; set; }

    /// <summary>Set when the stream has ended. Guarded by the hub's lock.</summary>
    public bool Closed { get; set; }

    /// <summary>Event responses that wait.</summary>
    public int PendingEvents => Volatile.Read(ref _events);

    /// <summary>Takes events for a synced watcher; false when there is no room. Called under the hub's lock.</summary>
    public bool TryEnqueue(HubWatcher watcher, EventSlice slice, EventBatch batch)
    {
        lock (_gate)
        {
            if (_events >= Math.Max(options.QueuedResponsesMax, 2 * Watchers.Count))
                return false;
            if (!ReferenceEquals(batch, _newest))
            {
                if (_bytes >= options.QueuedBytesMax)
                    return false;
                _newest = batch; // the watchers of a stream share its bytes, so they count once
                _bytes += batch.ApproximateSize;
            }
            _events++;
            _queue.Add(new QueuedResponse(null, watcher, slice, batch.Revision));
        }
        _work.Set();
        return true;
    }

    /// <summary>Adds an answer. The reader of the stream keeps their number bounded with <see cref="WaitForRoomAsync"/>.</summary>
    public void Enqueue(WatchResponse control)
    {
        lock (_gate)
        {
            _controls++;
            _queue.Add(new QueuedResponse(control, null, null, 0));
        }
        _work.Set();
    }

    /// <summary>Adds a watcher that has to catch up. Called under the hub's lock.</summary>
    public void AddBehind(HubWatcher watcher)
    {
        lock (_gate)
            _behind.Add(watcher);
        _work.Set();
    }

    /// <summary>
    /// Hands everything that waits to the writer, whose lists must be empty. What a watcher of <paramref name="behind"/> was
    /// sent before it fell behind is in <paramref name="queue"/> or was taken earlier.
    /// </summary>
    public void TakeAll(ref List<QueuedResponse> queue, ref List<HubWatcher> behind)
    {
        lock (_gate)
        {
            (queue, _queue) = (_queue, queue);
            (behind, _behind) = (_behind, behind);
            _newest = null;
            _bytes = 0;
            _events = 0;
            _controls = 0;
        }
        _room.Set();
    }

    /// <summary>Waits until something is to be done. For the writer.</summary>
    public ValueTask WaitForWorkAsync() => _work.WaitAsync();

    /// <summary>Waits until another answer may be added. For the reader of the stream.</summary>
    public async ValueTask WaitForRoomAsync(CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            lock (_gate)
            {
                if (_controls < options.QueuedControlMax)
                    return;
            }
            await _room.WaitAsync();
        }
    }

    /// <summary>Wakes writer and reader so that they see that the stream ends.</summary>
    public void Wake()
    {
        _work.Set();
        _room.Set();
    }
}
