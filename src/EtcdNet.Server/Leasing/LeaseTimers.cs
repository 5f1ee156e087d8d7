namespace EtcdNet.Server.Leasing;

/// <summary>
/// The leases of a leader in order of expiry. A renewal only moves the lease's own expiry; the heap finds out when it looks
/// at the lease at the earlier moment, so keep-alives cost no heap operation. Guarded by the expirer's lock.
/// </summary>
internal sealed class LeaseTimers
{
    /// <summary>Stale places that are tolerated before the heap is built anew.</summary>
    private const int StaleMax = 1024;

    private readonly PriorityQueue<TimedLease, long> _heap = new();

    /// <summary>Places in the heap, stale ones included.</summary>
    public int Count => _heap.Count;

    /// <summary>Sets the expiry of a live lease and makes sure that it is looked at by then.</summary>
    public void Set(TimedLease lease, long expiry)
    {
        lease.Expiry = expiry;
        if (expiry < lease.NextLook)
            LookAt(lease, expiry);
    }

    /// <summary>Takes the next lease that has expired; it is looked at again at <paramref name="again"/>.</summary>
    public TimedLease? TakeExpired(long now, long again)
    {
        while (_heap.TryPeek(out TimedLease? lease, out long look) && look <= now)
        {
            _heap.Dequeue();
            if (!lease.Alive || lease.NextLook != look)
                continue; // gone, or another place in the heap stands for it
            bool expired = lease.Expiry <= now;
            LookAt(lease, expired ? again : lease.Expiry);
            if (expired)
                return lease;
        }
        return null;
    }

    /// <summary>Forgets all.</summary>
    public void Clear() => _heap.Clear();

    /// <summary>Builds the heap anew when revoked leases fill most of it.</summary>
    public void Tidy(Dictionary<long, TimedLease> alive)
    {
        if (_heap.Count <= (2 * alive.Count) + StaleMax)
            return;
        _heap.Clear();
        foreach (TimedLease lease in alive.Values)
            _heap.Enqueue(lease, lease.NextLook);
    }

    private void LookAt(TimedLease lease, long moment)
    {
        lease.NextLook = moment;
        _heap.Enqueue(lease, moment);
    }
}
