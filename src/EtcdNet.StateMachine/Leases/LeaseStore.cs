using System.Diagnostics.CodeAnalysis;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.StateMachine.Leases;

/// <summary>
/// The leases and the keys that hang on them: the part of etcd's lessor that every member holds equally. When a lease
/// expires is not decided here but by the leader's clock (Server). Changed on the applier's thread only; read from any thread.
/// </summary>
public sealed class LeaseStore(long minTtl)
{
    /// <summary>Largest TTL that can be asked for, seconds.</summary>
    public const long MaxTtl = 9_000_000_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<long, Lease> _leases = [];
    private readonly Dictionary<ReadOnlyMemory<byte>, long> _leaseOfKey = new(KeyComparer.Instance);

    /// <summary>Told of grants, revokes and checkpoints, on the applier's thread.</summary>
    public ILeaseObserver? Observer { get; set; }

    /// <summary>Number of leases.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _leases.Count;
        }
    }

    /// <summary>Makes a lease; a smaller TTL is raised to the minimum.</summary>
    /// <exception cref="EtcdException">LeaseNotFound for id 0, LeaseExist, LeaseTTLTooLarge.</exception>
    public Lease Grant(long id, long ttl)
    {
        if (id == 0)
            throw EtcdError.LeaseNotFound.ToException();
        if (ttl > MaxTtl)
            throw EtcdError.LeaseTTLTooLarge.ToException();
        var lease = new Lease(id, Math.Max(ttl, minTtl), remainingTtl: 0);
        lock (_gate)
        {
            if (!_leases.TryAdd(id, lease))
                throw EtcdError.LeaseExist.ToException();
        }
        Observer?.OnGranted(lease);
        return lease;
    }

    /// <summary>Puts back a lease of a checkpoint.</summary>
    public void Restore(long id, long ttl, long remainingTtl)
    {
        var lease = new Lease(id, ttl, remainingTtl);
        lock (_gate)
            _leases.Add(id, lease);
        Observer?.OnGranted(lease);
    }

    /// <summary>True when the lease exists.</summary>
    public bool Contains(long id)
    {
        lock (_gate)
            return _leases.ContainsKey(id);
    }

    /// <summary>Looks a lease up.</summary>
    public bool TryGet(long id, [NotNullWhen(true)] out Lease? lease)
    {
        lock (_gate)
            return _leases.TryGetValue(id, out lease);
    }

    /// <summary>All leases, in no order.</summary>
    public Lease[] Snapshot()
    {
        lock (_gate)
            return [.. _leases.Values];
    }

    /// <summary>Hangs a key on a lease, taking it off the one it hung on before.</summary>
    /// <exception cref="EtcdException">LeaseNotFound.</exception>
    public void Attach(long id, ReadOnlyMemory<byte> key)
    {
        lock (_gate)
        {
            if (!_leases.TryGetValue(id, out Lease? lease))
                throw EtcdError.LeaseNotFound.ToException();
            DetachUnderLock(key);
            lease.Keys.Add(key);
            _leaseOfKey[key] = id;
        }
    }

    /// <summary>Takes a key off its lease, if it has one.</summary>
    public void Detach(ReadOnlyMemory<byte> key)
    {
        lock (_gate)
            DetachUnderLock(key);
    }

    /// <summary>The lease a key hangs on, 0 for none.</summary>
    public long LeaseOf(ReadOnlyMemory<byte> key)
    {
        lock (_gate)
            return _leaseOfKey.GetValueOrDefault(key);
    }

    /// <summary>The keys of a lease in byte order; empty when the lease is unknown.</summary>
    public ReadOnlyMemory<byte>[] KeysOf(long id)
    {
        lock (_gate)
        {
            if (!_leases.TryGetValue(id, out Lease? lease))
                return [];
            ReadOnlyMemory<byte>[] keys = [.. lease.Keys];
            Array.Sort(keys, static (a, b) => a.Span.SequenceCompareTo(b.Span));
            return keys;
        }
    }

    /// <summary>Removes a lease whose keys have been deleted.</summary>
    /// <exception cref="EtcdException">LeaseNotFound.</exception>
    public void Remove(long id)
    {
        lock (_gate)
        {
            if (!_leases.Remove(id, out Lease? lease))
                throw EtcdError.LeaseNotFound.ToException();
            foreach (ReadOnlyMemory<byte> key in lease.Keys)
                _leaseOfKey.Remove(key);
        }
        Observer?.OnRevoked(id);
    }

    /// <summary>Remembers how long a lease still lives, so that a new leader does not start over. Unknown leases are skipped.</summary>
    public void Checkpoint(long id, long remainingTtl)
    {
        Lease? lease;
        lock (_gate)
        {
            if (!_leases.TryGetValue(id, out lease))
                return;
            lease.RemainingTtl = remainingTtl;
        }
        Observer?.OnCheckpointed(lease);
    }

    /// <summary>Takes over all leases of another store, with their keys.</summary>
    internal void Adopt(LeaseStore other)
    {
        Lease[] adopted = other.Snapshot();
        long[] gone;
        lock (_gate)
        {
            gone = [.. _leases.Keys];
            _leases.Clear();
            _leaseOfKey.Clear();
            foreach (Lease lease in adopted)
            {
                _leases.Add(lease.Id, lease);
                foreach (ReadOnlyMemory<byte> key in lease.Keys)
                    _leaseOfKey.Add(key, lease.Id);
            }
        }
        foreach (long id in gone)
            Observer?.OnRevoked(id);
        foreach (Lease lease in adopted)
            Observer?.OnGranted(lease);
    }

    private void DetachUnderLock(ReadOnlyMemory<byte> key)
    {
        if (_leaseOfKey.Remove(key, out long old) && _leases.TryGetValue(old, out Lease? lease))
            lease.Keys.Remove(key);
    }
}

/// <summary>What the clock-keeping side needs to hear.</summary>
public interface ILeaseObserver
{
    /// <summary>A lease was made or restored.</summary>
    void OnGranted(Lease lease);

    /// <summary>A lease is gone.</summary>
    void OnRevoked(long id);

    /// <summary>A lease's remaining time was replicated.</summary>
    void OnCheckpointed(Lease lease);
}
