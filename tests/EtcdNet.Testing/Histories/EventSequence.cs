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

    /// <summary>Compares what came since the last call, up to a revision, with what the store says has happened. What came after it stays.</summary>
    /// <exception cref="HistoryException">They differ.</exception>
    public void TakeAndCompare(long last, IReadOnlyList<StoreEvent> truth)
    {
        lock (_gate)
        {
            int told = _events.TakeWhile(change => change.Revision <= last).Count();
            for (int i = 0; i < Math.Max(truth.Count, told); i++)
            {
                if (i >= truth.Count || i >= told || truth[i] != _events[i])
                    throw new HistoryException($"watcher {who} was told of {(i < told ? _events[i] : "nothing")} where the store has {(i < truth.Count ? truth[i] : "nothing")}");
            }

            _events.RemoveRange(0, told);
        }
    }
}
