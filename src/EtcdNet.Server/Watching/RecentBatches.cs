using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>
/// The newest revisions without a gap, limited in number and bytes. A watcher that is behind by no more than this joins the
/// synced ones in one step, whatever the write rate, and shares the bytes that others made. Guarded by the hub's lock.
/// </summary>
internal sealed class RecentBatches(int revisionsMax, long bytesMax)
{
    private readonly Queue<EventBatch> _batches = new();
    private long _bytes;

    /// <summary>Number of revisions.</summary>
    public int Count => _batches.Count;

    /// <summary>Adds the next revision; the oldest ones make room, but the newest always stays.</summary>
    public void Add(EventBatch batch)
    {
        _batches.Enqueue(batch);
        _bytes += batch.ApproximateSize;
        while (_batches.Count > 1 && (_batches.Count > revisionsMax || _bytes > bytesMax))
            _bytes -= _batches.Dequeue().ApproximateSize;
    }

    /// <summary>Forgets everything: revisions follow that are not told, or nobody watches.</summary>
    public void Clear()
    {
        _batches.Clear();
        _bytes = 0;
    }

    /// <summary>True when every revision from <paramref name="from"/> to the newest is here.</summary>
    public bool Covers(long from) => _batches.TryPeek(out EventBatch? oldest) && oldest.Revision <= from;

    /// <summary>The revisions from <paramref name="from"/> on.</summary>
    public EventBatch[] From(long from)
    {
        int skip = checked((int)(from - _batches.Peek().Revision));
        return [.. _batches.Skip(skip)];
    }
}
