using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Consensus;

/// <summary>The proposals of this member that are not applied yet, by request id.</summary>
internal sealed class PendingProposals
{
    private const int PoolSizeMax = 4096;

    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, PendingProposal> _byId = [];
    private readonly Stack<PendingProposal> _pool = [];
    private readonly List<PendingProposal> _expired = [];
    private Exception? _closedBy;

    /// <summary>Number of clients that wait.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _byId.Count;
        }
    }

    /// <summary>Registers a wait.</summary>
    /// <exception cref="EtcdException">The member is stopping.</exception>
    public PendingProposal Add(ulong id, InternalRaftRequest? request, ReadOnlyMemory<byte> data, long deadline, IApplyTimes? times = null)
    {
        lock (_gate)
        {
            if (_closedBy is not null)
                throw _closedBy;
            if (!_pool.TryPop(out PendingProposal? pending))
                pending = new PendingProposal(this);
            pending.Prepare(id, request, data, deadline);
            pending.Times = times;
            _byId.Add(id, pending);
            return pending;
        }
    }

    /// <summary>Takes a wait out; whoever gets it has to settle it.</summary>
    public PendingProposal? Remove(ulong id)
    {
        lock (_gate)
            return _byId.Remove(id, out PendingProposal? pending) ? pending : null;
    }

    /// <summary>
    /// Takes out the wait for an entry. Ids do not repeat (<see cref="RequestIdGenerator"/>), but members of other making
    /// draw them in their own way. So the bytes decide as well, else a member could apply another request than the others do.
    /// </summary>
    public PendingProposal? Remove(ulong id, ReadOnlySpan<byte> entry)
    {
        lock (_gate)
        {
            if (!_byId.TryGetValue(id, out PendingProposal? pending) || !pending.Data.Span.SequenceEqual(entry))
                return null;
            _byId.Remove(id);
            return pending;
        }
    }

    /// <summary>True while a client waits for this proposal.</summary>
    public bool Contains(ulong id)
    {
        lock (_gate)
            return _byId.ContainsKey(id);
    }

    /// <summary>Ends the waits whose time is over.</summary>
    /// <param name="now">Ticks of the clock.</param>
    /// <param name="error">What a client is told whose wait ends at the given ticks.</param>
    public int Expire(long now, Func<long, Exception> error)
    {
        lock (_gate)
        {
            foreach (PendingProposal pending in _byId.Values)
            {
                if (pending.Deadline <= now)
                    _expired.Add(pending);
            }
            foreach (PendingProposal pending in _expired)
                _byId.Remove(pending.Id);
        }
        int count = _expired.Count;
        foreach (PendingProposal pending in _expired)
            pending.Fail(error(pending.Deadline));
        _expired.Clear();
        return count;
    }

    /// <summary>Ends the waits for everything that was proposed up to a request id. Any thread.</summary>
    public int FailUpTo(ulong id, Exception error)
    {
        List<PendingProposal>? lost = null;
        lock (_gate)
        {
            foreach (PendingProposal pending in _byId.Values)
            {
                if (pending.Id <= id)
                    (lost ??= []).Add(pending);
            }
            foreach (PendingProposal pending in lost ?? [])
                _byId.Remove(pending.Id);
        }
        foreach (PendingProposal pending in lost ?? [])
            pending.Fail(error);
        return lost?.Count ?? 0;
    }

    /// <summary>Ends every wait, and every later one at once.</summary>
    public void Close(Exception error)
    {
        PendingProposal[] all;
        lock (_gate)
        {
            _closedBy = error;
            all = [.. _byId.Values];
            _byId.Clear();
        }
        foreach (PendingProposal pending in all)
            pending.Fail(error);
    }

    internal void Return(PendingProposal pending)
    {
        lock (_gate)
        {
            if (_pool.Count < PoolSizeMax)
                _pool.Push(pending);
        }
    }
}
