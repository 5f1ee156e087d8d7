using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Leases;
using Serilog;

namespace EtcdNet.Server.Leasing;

/// <summary>
/// The clock of the leases. Only the leader times them; when one expires the leader proposes its revoke, and the lease is gone
/// when that entry is applied. A member that stops leading forgets all times. Any thread.
/// </summary>
/// <remarks>
/// A lease never expires early: a new leader starts with the whole TTL (or the remainder of the last checkpoint) plus the
/// election timeout, and before revokes are proposed it is confirmed with a quorum that this member still leads in the same term,
/// since the proposal of a member that lost leadership unnoticed would reach the new leader and kill a lease that lives there.
/// </remarks>
public sealed partial class LeaseExpirer : ILeaseObserver, IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, TimedLease> _leases = [];
    private readonly LeaseTimers _timers = new();
    private readonly IProposer _proposer;
    private readonly IReadIndexGate _readIndex;
    private readonly IConsensusStatus _status;
    private readonly LeaseClock _clock;
    private readonly LeaseExpirerOptions _options;
    private readonly ILogger _log;
    private readonly ITimer _scan;
    private CancellationTokenSource? _leading;
    private int _revokesInFlight;

    /// <summary>Takes the leases that are there and observes the store from now on. Call before anything is applied.</summary>
    public LeaseExpirer(
        LeaseStore store, IProposer proposer, IReadIndexGate readIndex, IConsensusStatus status, TimeProvider time,
        LeaseExpirerOptions options, ILogger log)
    {
        _proposer = proposer;
        _readIndex = readIndex;
        _status = status;
        _clock = new LeaseClock(time);
        _options = options;
        _log = log;
        Store = store;
        Rebind(store);
        _scan = time.CreateTimer(_ => Scan(), null, options.ScanInterval, options.ScanInterval);
    }

    /// <summary>The leases as every member holds them.</summary>
    public LeaseStore Store { get; private set; }

    /// <summary>This member times the leases.</summary>
    public bool IsPrimary
    {
        get
        {
            lock (_gate)
                return _leading is not null;
        }
    }

    /// <summary>Leases granted here (etcd_debugging_lease_granted_total).</summary>
    public long GrantedTotal { get; private set; }

    /// <summary>Leases gone (etcd_debugging_lease_revoked_total).</summary>
    public long RevokedTotal { get; private set; }

    /// <summary>Keep-alives that renewed (etcd_debugging_lease_renewed_total).</summary>
    public long RenewedTotal { get; private set; }

    /// <summary>Leases whose revoke was proposed because they expired (etcd_debugging_server_lease_expired_total).</summary>
    public long ExpiredTotal { get; private set; }

    /// <summary>Places in the heap of expiries, stale ones included; bounded by twice the leases and a constant.</summary>
    public int TimerPlaces
    {
        get
        {
            lock (_gate)
                return _timers.Count;
        }
    }

    /// <summary>Goes over to another store, when a leader's snapshot replaced the state. Only while not leading.</summary>
    public void Rebind(LeaseStore store)
    {
        lock (_gate)
        {
            if (_leading is not null)
                throw new InvalidOperationException("the leases were replaced on a leader");
            foreach (TimedLease old in _leases.Values)
                EndUnderLock(old);
            _leases.Clear();
            Store.Observer = null;
            Store = store;
            store.Observer = this;
            foreach (Lease lease in store.Snapshot())
                _leases.Add(lease.Id, new TimedLease(lease));
        }
    }

    /// <summary>
    /// Begins to time the leases: this member leads now and has applied everything that was committed before its term. Every
    /// lease gets <paramref name="extend"/> (the election timeout) on top, since clients could not renew meanwhile.
    /// </summary>
    public void Promote(TimeSpan extend)
    {
        lock (_gate)
        {
            DemoteUnderLock();
            _leading = new CancellationTokenSource();
            long now = _clock.Now;
            long from = _clock.After(now, extend);
            var leases = new TimedLease[_leases.Count];
            _leases.Values.CopyTo(leases, 0);
            var expiries = Array.ConvertAll(leases, lease => _clock.After(from, SecondsOf(lease.Lease)));
            Array.Sort(expiries, leases);
            Spread(expiries, now);
            for (int i = 0; i < leases.Length; i++)
                StartUnderLock(leases[i], expiries[i], now);
        }
    }

    /// <summary>Stops to time the leases: another member leads, or nobody.</summary>
    public void Demote()
    {
        lock (_gate)
            DemoteUnderLock();
    }

    /// <summary>
    /// Gives a lease its whole TTL again. A lease that has expired but is not revoked yet is not renewed: this waits until it is gone.
    /// </summary>
    /// <returns>The TTL in seconds; null when there is no such lease.</returns>
    /// <exception cref="EtcdException">NotLeader; or the checkpoint that a renewal needs could not be replicated.</exception>
    public async ValueTask<long?> RenewAsync(long id, CancellationToken cancellation)
    {
        while (true)
        {
            Task wait;
            bool renewed = false;
            lock (_gate)
            {
                if (_leading is null)
                    throw EtcdError.NotLeader.ToException();
                if (!_leases.TryGetValue(id, out TimedLease? lease))
                    return null;
                long now = _clock.Now;
                if (lease.Expiry > now && !lease.Revoking)
                {
                    _timers.Set(lease, _clock.After(now, lease.Lease.Ttl));
                    lease.NextCheckpoint = _clock.After(now, _options.CheckpointInterval);
                    RenewedTotal++;
                    if (lease.Checkpointing is null && lease.Lease.RemainingTtl == 0)
                        return lease.Lease.Ttl;
                    wait = lease.Checkpointing ?? Task.CompletedTask;
                    renewed = true;
                }
                else
                {
                    lease.Gone ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    wait = lease.Gone.Task;
                }
            }
            await wait.WaitAsync(cancellation);
            if (!renewed)
                continue;
            // A later leader must not shorten the renewed lease to the remainder of an old checkpoint.
            await ProposeCheckpointsAsync([new LeaseCheckpoint { ID = id, RemainingTTL = 0 }], cancellation);
            return Store.TryGet(id, out Lease? lived) ? lived.Ttl : null;
        }
    }

    /// <summary>Looks up a lease and the time it still has, not below zero. False when it is unknown.</summary>
    /// <exception cref="EtcdException">NotLeader.</exception>
    public bool TryGetRemaining(long id, out TimeSpan remaining, out long grantedTtl)
    {
        lock (_gate)
        {
            if (_leading is null)
                throw EtcdError.NotLeader.ToException();
            if (!_leases.TryGetValue(id, out TimedLease? lease))
            {
                remaining = default;
                grantedTtl = 0;
                return false;
            }
            TimeSpan left = _clock.Between(_clock.Now, lease.Expiry);
            remaining = left < TimeSpan.Zero ? TimeSpan.Zero : left;
            grantedTtl = lease.Lease.Ttl;
            return true;
        }
    }

    /// <summary>Ids of all leases, the one that expires first in front; in order of ids where nothing is timed.</summary>
    public long[] IdsByExpiry()
    {
        (long Expiry, long Id)[] ids;
        lock (_gate)
            ids = [.. _leases.Values.Select(static lease => (lease.Expiry, lease.Lease.Id))];
        Array.Sort(ids);
        return Array.ConvertAll(ids, static one => one.Id);
    }

    /// <inheritdoc/>
    public void OnGranted(Lease lease)
    {
        lock (_gate)
        {
            if (_leases.Remove(lease.Id, out TimedLease? old))
                EndUnderLock(old);
            var timed = new TimedLease(lease);
            _leases.Add(lease.Id, timed);
            GrantedTotal++;
            if (_leading is null)
                return;
            long now = _clock.Now;
            StartUnderLock(timed, _clock.After(now, SecondsOf(lease)), now);
        }
    }

    /// <inheritdoc/>
    public void OnRevoked(long id)
    {
        lock (_gate)
        {
            if (!_leases.Remove(id, out TimedLease? lease))
                return;
            EndUnderLock(lease);
            RevokedTotal++;
            _timers.Tidy(_leases);
        }
    }

    /// <inheritdoc/>
    public void OnCheckpointed(Lease lease)
    {
        // The remainder is in the lease and is read at the next promotion; this leader's own clock knows better.
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _scan.Dispose();
        Demote();
    }

    private static long SecondsOf(Lease lease) => lease.RemainingTtl > 0 ? lease.RemainingTtl : lease.Ttl;

    private static void EndUnderLock(TimedLease lease)
    {
        lease.Alive = false;
        lease.Gone?.TrySetResult();
    }

    /// <summary>
    /// Delays expiries, in ascending order, so that no more come due per second than can be revoked with a quarter of the
    /// rate left over: after a leader change many leases have the same remainder.
    /// </summary>
    private void Spread(long[] expiries, long now)
    {
        if (expiries.Length <= _options.RevokesPerSecondMax)
            return;
        long pace = _clock.After(now, TimeSpan.FromSeconds(4.0 / (3.0 * _options.RevokesPerSecondMax))) - now;
        for (int i = 1; i < expiries.Length; i++)
        {
            long earliest = Math.Min(expiries[i - 1], TimedLease.Never - 1 - pace) + pace;
            expiries[i] = Math.Max(expiries[i], earliest);
        }
    }

    private void StartUnderLock(TimedLease lease, long expiry, long now)
    {
        _timers.Set(lease, expiry);
        if (_options.Checkpoints && lease.Lease.Ttl > _options.CheckpointInterval.TotalSeconds)
        {
            lease.NextCheckpoint = _clock.After(now, _options.CheckpointInterval);
            _checkpoints.Enqueue(lease, lease.NextCheckpoint);
        }
    }

    private void DemoteUnderLock()
    {
        if (_leading is null)
            return;
        _leading.Cancel();
        _leading = null;
        _timers.Clear();
        _checkpoints.Clear();
        foreach (TimedLease lease in _leases.Values)
        {
            lease.Expiry = TimedLease.Never;
            lease.NextLook = TimedLease.Never;
            lease.NextCheckpoint = TimedLease.Never;
            lease.Revoking = false;
            lease.Gone?.TrySetResult(); // the waiter asks again and hears that another member leads
            lease.Gone = null;
        }
    }
}
