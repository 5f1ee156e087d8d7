namespace EtcdNet.Server.Consensus;

/// <summary>
/// Hands work from many threads to one. Everything that waits is taken in one go, so the cost of a wake-up is shared
/// by the whole batch; a post to a consumer that is awake costs a short lock and nothing else. Work that can wait for
/// the consumer's next turn says so (<see cref="Urgency"/>), since a wake-up costs more than most work does.
/// </summary>
public sealed class Mailbox<T>
{
    private readonly Lock _gate = new();
    private readonly ThreadParking _parking = new();
    private List<T> _incoming = [];
    private Urgency _urgency;
    private Urgency _wakesAt;
    private bool _consumerWaits;
    private bool _closed;

    /// <summary>Adds one item. False after <see cref="Close"/>: the item was not taken.</summary>
    public bool Post(T item, Urgency urgency = Urgency.Now)
    {
        bool wakes;
        lock (_gate)
        {
            if (_closed)
                return false;
            _incoming.Add(item);
            wakes = WakesConsumer(urgency);
        }
        if (wakes)
            _parking.Unpark();
        return true;
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
            _urgency = Urgency.Lazy;
            return true;
        }
    }

    /// <summary>
    /// Waits until something of that urgency is there, the time is over, or the box is closed. Consumer only. False when
    /// closed and empty.
    /// </summary>
    public bool Wait(TimeSpan timeout, Urgency wakesAt = Urgency.Soon)
    {
        for (bool slept = false; ; slept = true)
        {
            lock (_gate)
            {
                _consumerWaits = false;
                _wakesAt = wakesAt;
                // A sleep may end for nothing; only one without an end has to go on then.
                if (_urgency >= wakesAt || _closed || (slept && timeout != Timeout.InfiniteTimeSpan))
                    return _incoming.Count != 0 || !_closed;
                _consumerWaits = true;
                _parking.Prepare();
            }
            _parking.Park(timeout);
        }
    }

    /// <summary>Wakes the consumer for what was posted with less urgency; nothing happens when nothing waits.</summary>
    public void Wake()
    {
        bool wakes;
        lock (_gate)
            wakes = _incoming.Count > 0 && WakesConsumer(Urgency.Now);
        if (wakes)
            _parking.Unpark();
    }

    /// <summary>Refuses further items and wakes the consumer, which still gets what waits.</summary>
    public void Close()
    {
        lock (_gate)
            _closed = true;
        _parking.Unpark();
    }

    /// <summary>Whether the poster has to unpark the consumer, which it does without the lock: the consumer would only run into it.</summary>
    private bool WakesConsumer(Urgency urgency)
    {
        if (urgency > _urgency)
            _urgency = urgency;
        if (!_consumerWaits || urgency < _wakesAt)
            return false;
        _consumerWaits = false;
        return true;
    }
}

/// <summary>What a post is worth to its consumer.</summary>
public enum Urgency
{
    /// <summary>It is enough when the consumer finds it the next time that it is awake for something else.</summary>
    Lazy,

    /// <summary>Wakes a consumer that has nothing else in sight.</summary>
    Soon,

    /// <summary>Wakes the consumer.</summary>
    Now,
}
