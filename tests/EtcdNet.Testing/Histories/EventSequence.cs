namespace EtcdNet.Testing.Histories;

/// <summary>
/// What one watcher was told over all its connections: each event once, in order, nothing left out. Add is for one thread at a time;
/// the properties are for any.
/// </summary>
public sealed class EventSequence(string who)
{
    private readonly Lock _gate = new();
    private readonly List<StoreEvent> _events = [];
    private long _last;

    /// <summary>Revision of the newest event; 0 before the first.</summary>
    public long Last => Interlocked.Read(ref _last);

    /// <summary>Takes what came in one message.</summary>
    /// <exception cref="HistoryException">An event came again or out of order.</exception>
    public void Add(IEnumerable<StoreEvent> events)
    {
        lock (_gate)
        {
            foreach (StoreEvent change in events)
            {
                if (change.Revision <= _last)
                    throw new HistoryException($"watcher {who} was told of {change} after revision {_last}");
                _events.Add(change);
                Interlocked.Exchange(ref _last, change.Revision);
            }
        }
    }

    /// <summary>Compares what came since the last call with what the store says has happened.</summary>
    /// <exception cref="HistoryException">They differ.</exception>
    public void TakeAndCompare(IReadOnlyList<StoreEvent> truth)
    {
        lock (_gate)
        {
            for (int i = 0; i < Math.Max(truth.Count, _events.Count); i++)
            {
                if (i >= truth.Count || i >= _events.Count || truth[i] != _events[i])
                    throw new HistoryException($"watcher {who} was told of {(i < _events.Count ? _events[i] : "nothing")} where the store has {(i < truth.Count ? truth[i] : "nothing")}");
            }

            _events.Clear();
        }
    }
}
