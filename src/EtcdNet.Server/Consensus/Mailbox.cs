namespace EtcdNet.Server.Consensus;

/// <summary>
/// Hands work from many threads to one. Everything that waits is taken in one go, so the cost of a wake-up is shared
/// by the whole batch; a post to a consumer that is awake costs a short lock and nothing else.
/// </summary>
public sealed class Mailbox<T>
{
    private readonly object _gate = new();
    private List<T> _incoming = [];
    private bool _consumerWaits;
    private bool _closed;

    /// <summary>Adds one item. False after <see cref="Close"/>: the item was not taken.</summary>
    public bool Post(T item)
    {
        lock (_gate)
        {
            if (_closed)
                return false;
            _incoming.Add(item);
            WakeConsumer();
            return true;
        }
    }

    /// <summary>Adds several items in order.</summary>
    public bool Post(IReadOnlyList<T> items)
    {
        lock (_gate)
        {
            if (_closed)
                return false;
            for (int i = 0; i < items.Count; i++)
                _incoming.Add(items[i]);
            WakeConsumer();
            return true;
        }
    }

    /// <summary>
    /// Swaps the waiting items into <paramref name="batch"/>, which is cleared first and becomes the next buffer.
    /// Consumer only. False when nothing waits.
    /// </summary>
    public bool TryTakeAll(ref List<T> batch)
    {
        batch.Clear();
        lock (_gate)
        {
            if (_incoming.Count == 0)
                return false;
            (batch, _incoming) = (_incoming, batch);
            return true;
        }
    }

    /// <summary>Waits until something is there, the time is over, or the box is closed. Consumer only. False when closed and empty.</summary>
    public bool Wait(TimeSpan timeout)
    {
        lock (_gate)
        {
            if (_incoming.Count == 0 && !_closed)
            {
                _consumerWaits = true;
                Monitor.Wait(_gate, timeout);
                _consumerWaits = false;
            }
            return _incoming.Count != 0 || !_closed;
        }
    }

    /// <summary>Refuses further items and wakes the consumer, which still gets what waits.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
        }
    }

    private void WakeConsumer()
    {
        if (_consumerWaits)
            Monitor.Pulse(_gate);
    }
}
