using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Leasing;

/// <summary>The periodic look: which leases expired, which need a checkpoint.</summary>
public sealed partial class LeaseExpirer
{
    /// <summary>Leases by the moment of their next checkpoint; as lazy as <see cref="LeaseTimers"/>.</summary>
    private readonly PriorityQueue<TimedLease, long> _checkpoints = new();

    /// <summary>Revokes that one look may propose.</summary>
    private int RevokesPerScan =>
        Math.Max(1, (int)(_options.RevokesPerSecondMax * _options.ScanInterval.TotalSeconds));

    private void Scan()
    {
        List<TimedLease> expired;
        List<TimedLease> checkpoints;
        var checkpointed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        CancellationToken leading;
        lock (_gate)
        {
            if (_leading is null)
                return;
            leading = _leading.Token;
            long now = _clock.Now;
            expired = TakeExpiredUnderLock(now);
            checkpoints = TakeCheckpointsUnderLock(now);
            foreach (TimedLease lease in checkpoints)
                lease.Checkpointing = checkpointed.Task;
        }
        if (expired.Count > 0)
            _ = RevokeAllAsync(expired, leading);
        if (checkpoints.Count > 0)
            _ = CheckpointAllAsync(checkpoints, checkpointed, leading);
    }

    private List<TimedLease> TakeExpiredUnderLock(long now)
    {
        List<TimedLease> expired = [];
        long again = _clock.After(now, _options.RevokeRetryInterval);
        int budget = Math.Min(RevokesPerScan, _options.RevokesPerSecondMax - _revokesInFlight);
        while (expired.Count < budget && _timers.TakeExpired(now, again) is { } lease)
        {
            lease.Revoking = true;
            expired.Add(lease);
        }
        _revokesInFlight += expired.Count;
        return expired;
    }

    /// <summary>Proposes all at once: the proposer puts them into few batches of the log.</summary>
    private async Task RevokeAllAsync(List<TimedLease> expired, CancellationToken leading)
    {
        try
        {
            if (await StillLeadsAsync(leading))
                await Task.WhenAll(expired.Select(lease => RevokeAsync(lease, leading)));
        }
        catch (Exception failed) when (failed is EtcdException or OperationCanceledException)
        {
            _log.Debug(failed, "leadership not confirmed, {Count} expired leases stay for the next look", expired.Count);
        }
        catch (Exception failed)
        {
            _log.Error(failed, "expired leases could not be revoked, trying again");
        }
        finally
        {
            lock (_gate)
                _revokesInFlight -= expired.Count;
        }
    }

    private async ValueTask<bool> StillLeadsAsync(CancellationToken leading)
    {
        ulong term = _status.Current.Term;
        await _readIndex.WaitAsync(leading);
        Consensus.ConsensusStatus now = _status.Current;
        return now.IsLeader && now.Term == term && !leading.IsCancellationRequested;
    }

    private async Task RevokeAsync(TimedLease lease, CancellationToken leading)
    {
        long id = lease.Lease.Id;
        try
        {
            lock (_gate)
            {
                if (!lease.Alive)
                    return; // revoked meanwhile; its id may stand for a new lease
                ExpiredTotal++;
            }
            await _proposer.ProposeAsync(
                new InternalRaftRequest { LeaseRevoke = new LeaseRevokeRequest { ID = id } }, leading);
        }
        catch (Exception failed) when (failed is EtcdException or OperationCanceledException)
        {
            // Looked at again after the retry interval, unless it is gone. Until the outcome is known nobody may renew it.
            _log.Debug("revoke of expired lease {Lease:x} not done: {Reason}", id, failed.Message);
        }
    }

    private List<TimedLease> TakeCheckpointsUnderLock(long now)
    {
        List<TimedLease> due = [];
        while (_checkpoints.TryPeek(out TimedLease? lease, out long look) && look <= now)
        {
            _checkpoints.Dequeue();
            if (!lease.Alive)
                continue;
            if (lease.NextCheckpoint <= now)
            {
                lease.NextCheckpoint = _clock.After(now, _options.CheckpointInterval);
                if (lease.Expiry > now && !lease.Revoking && lease.Checkpointing is null)
                    due.Add(lease);
            }
            _checkpoints.Enqueue(lease, lease.NextCheckpoint);
        }
        return due;
    }

    private async Task CheckpointAllAsync(List<TimedLease> due, TaskCompletionSource done, CancellationToken leading)
    {
        try
        {
            if (await StillLeadsAsync(leading))
            {
                foreach (TimedLease[] batch in due.Chunk(_options.CheckpointBatchMax))
                    await ProposeCheckpointsAsync(Remainders(batch), leading);
            }
        }
        catch (Exception failed) when (failed is EtcdException or OperationCanceledException)
        {
            _log.Debug("checkpoint of {Count} leases not done: {Reason}", due.Count, failed.Message);
        }
        catch (Exception failed)
        {
            _log.Error(failed, "checkpoint of {Count} leases failed", due.Count);
        }
        finally
        {
            lock (_gate)
            {
                foreach (TimedLease lease in due)
                    lease.Checkpointing = null;
            }
            done.SetResult();
        }
    }

    private List<LeaseCheckpoint> Remainders(TimedLease[] batch)
    {
        lock (_gate)
        {
            long now = _clock.Now;
            List<LeaseCheckpoint> remainders = [];
            foreach (TimedLease lease in batch)
            {
                long remaining = (long)Math.Ceiling(_clock.Between(now, lease.Expiry).TotalSeconds);
                if (lease.Alive && !lease.Revoking && remaining > 0)
                    remainders.Add(new LeaseCheckpoint { ID = lease.Lease.Id, RemainingTTL = Math.Min(remaining, lease.Lease.Ttl) });
            }
            return remainders;
        }
    }

    private async Task ProposeCheckpointsAsync(List<LeaseCheckpoint> batch, CancellationToken cancellation)
    {
        if (batch.Count == 0)
            return;
        var request = new LeaseCheckpointRequest();
        request.Checkpoints.AddRange(batch);
        await _proposer.ProposeAsync(new InternalRaftRequest { LeaseCheckpoint = request }, cancellation);
    }
}
