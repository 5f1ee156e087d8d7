using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>
/// Revisions that the applier has told and nobody has matched yet. All that the applier waits for is this lock, which is held
/// for the copy of a reference. Bounded: when matching cannot keep up, batches are dropped and the history stands in for them.
/// </summary>
internal sealed class WatchInbox(long revision, int revisionsMax, long bytesMax)
{
    private readonly Lock _gate = new();
    private List<EventBatch> _batches = [];
    private long _told = revision;
    private long _bytes;

    /// <summary>Notes a revision; a null batch was of interest to nobody.</summary>
    /// <exception cref="InvalidOperationException">The revision was told before.</exception>
    public void Add(long revision, EventBatch? batch)
    {
        lock (_gate)
        {
            if (revision <= _told)
                throw new InvalidOperationException($"events of revision {revision} after those of {_told}");
            _told = revision;
            if (batch is null)
                return;
            if (_batches.Count >= revisionsMax || _bytes >= bytesMax)
            {
                _batches.Clear();
                _bytes = 0;
            }
            _batches.Add(batch);
            _bytes += batch.ApproximateSize;
        }
    }

    /// <summary>Hands over what has arrived, in order, maybe with gaps. <paramref name="batches"/> must be empty.</summary>
    /// <returns>The newest revision that was told.</returns>
    public long TakeAll(ref List<EventBatch> batches)
    {
        lock (_gate)
        {
            (batches, _batches) = (_batches, batches);
            _bytes = 0;
            return _told;
        }
    }

    /// <summary>Goes on from another revision.</summary>
    public void Restart(long revision)
    {
        lock (_gate)
        {
            _batches.Clear();
            _bytes = 0;
            _told = revision;
        }
    }
}
