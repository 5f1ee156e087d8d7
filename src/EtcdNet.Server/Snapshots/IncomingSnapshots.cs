using EtcdNet.Raft;

namespace EtcdNet.Server.Snapshots;

/// <summary>
/// The one snapshot that may be on its way in: received by the transport, judged by Raft, made durable by the log writer.
/// Only one at a time, since each needs as much disk as the state in force.
/// </summary>
internal sealed class IncomingSnapshots
{
    private readonly Lock _gate = new();
    private Stage _stage;
    private IReceivedState? _waiting;

    private enum Stage
    {
        Idle,
        Receiving,
        Offered,
        Accepted,
    }

    /// <summary>Transport: a snapshot begins. False when one is under way.</summary>
    public bool TryBegin()
    {
        lock (_gate)
        {
            if (_stage != Stage.Idle)
                return false;
            _stage = Stage.Receiving;
            return true;
        }
    }

    /// <summary>Transport: it did not come through.</summary>
    public void Fail()
    {
        lock (_gate)
            _stage = Stage.Idle;
    }

    /// <summary>Transport: it is here and proven; its message goes to Raft next.</summary>
    public void Offer(IReceivedState state)
    {
        lock (_gate)
        {
            _waiting = state;
            _stage = Stage.Offered;
        }
    }

    /// <summary>Loop: Raft goes on from it.</summary>
    /// <exception cref="InvalidOperationException">Raft took a snapshot whose state was not offered.</exception>
    public void Accept(SnapshotMetadata snapshot)
    {
        lock (_gate)
        {
            if (_stage != Stage.Offered || _waiting!.Id != new EntryId(snapshot.Term, snapshot.Index))
                throw new InvalidOperationException($"there is no state for snapshot {snapshot.Term}/{snapshot.Index}");
            _stage = Stage.Accepted;
        }
    }

    /// <summary>Loop: Raft has seen the message; what it did not accept is of no use.</summary>
    public void Judged()
    {
        IReceivedState? unwanted = null;
        lock (_gate)
        {
            if (_stage == Stage.Offered)
                (unwanted, _waiting, _stage) = (_waiting, null, Stage.Idle);
        }
        unwanted?.Abandon();
    }

    /// <summary>Log writer: the state of an accepted snapshot.</summary>
    public IReceivedState Take(SnapshotMetadata snapshot)
    {
        lock (_gate)
        {
            if (_stage != Stage.Accepted || _waiting!.Id != new EntryId(snapshot.Term, snapshot.Index))
                throw new InvalidOperationException($"snapshot {snapshot.Term}/{snapshot.Index} was not accepted");
            IReceivedState taken = _waiting;
            _waiting = null;
            return taken;
        }
    }

    /// <summary>Applier: it is in force; the next one may come.</summary>
    public void Installed()
    {
        lock (_gate)
            _stage = Stage.Idle;
    }
}
