using EtcdNet.Raft;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Server.Snapshots;

/// <summary>
/// Snapshots for members that need entries which are gone. Raft asks on the loop's thread and must not wait, so the first
/// answer is "not now" while the applier pins its state; Raft asks again when it hears of that member.
/// </summary>
internal sealed class OutgoingSnapshots : IDisposable
{
    // A pinned state that nobody fetched for so long is let go: the member that needed it is gone.
    private const int TicksUntilStale = 50;

    private readonly ConsensusState _state;
    private readonly Func<Action, bool> _runOnApplier;
    private readonly Func<IOutgoingSnapshot?> _capture;
    private readonly Func<ulong> _firstIndex;
    private readonly List<IOutgoingSnapshot> _promised = [];
    private IOutgoingSnapshot? _captured;
    private bool _asked;
    private int _ticks;

    /// <param name="state">Tells the configuration as the loop knows it.</param>
    /// <param name="firstIndex">First entry of the log: a snapshot must reach up to it.</param>
    /// <param name="runOnApplier">Runs something between two batches; false when the applier has stopped.</param>
    /// <param name="capture">Pins the state, on the applier's thread.</param>
    public OutgoingSnapshots(ConsensusState state, Func<ulong> firstIndex, Func<Action, bool> runOnApplier, Func<IOutgoingSnapshot?> capture)
    {
        (_state, _firstIndex, _runOnApplier, _capture) = (state, firstIndex, runOnApplier, capture);
    }

    /// <summary>Loop, for Raft: a snapshot, which the next message of that kind will carry.</summary>
    /// <exception cref="SnapshotTemporarilyUnavailableException">It is being made.</exception>
    public Snapshot Offer()
    {
        if (Interlocked.Exchange(ref _captured, null) is { } captured)
        {
            SnapshotMetadata metadata = captured.Metadata;
            // The receiver must be a member in it, and must be able to go on from the log.
            if (metadata.Index + 1 >= _firstIndex() && metadata.ConfState.Equals(_state.Configuration))
            {
                _promised.Add(captured);
                return new Snapshot(metadata, default);
            }
            captured.Dispose();
        }
        if (!Volatile.Read(ref _asked))
        {
            Volatile.Write(ref _asked, true);
            _runOnApplier(Capture);
        }
        throw new SnapshotTemporarilyUnavailableException();
    }

    /// <summary>Loop: the state that belongs to a message.</summary>
    public IOutgoingSnapshot Take(Snapshot snapshot)
    {
        int at = _promised.FindIndex(promised => ReferenceEquals(promised.Metadata, snapshot.Metadata));
        if (at < 0)
            throw new InvalidOperationException($"snapshot {snapshot.Metadata.Term}/{snapshot.Metadata.Index} was not promised");
        IOutgoingSnapshot taken = _promised[at];
        _promised.RemoveAt(at);
        return taken;
    }

    /// <summary>Loop, each tick.</summary>
    public void Tick()
    {
        if (Volatile.Read(ref _captured) is null)
            _ticks = 0;
        else if (++_ticks > TicksUntilStale)
            Interlocked.Exchange(ref _captured, null)?.Dispose();
    }

    /// <summary>Lets go of what is pinned; after loop and applier have stopped.</summary>
    public void Dispose()
    {
        Interlocked.Exchange(ref _captured, null)?.Dispose();
        foreach (IOutgoingSnapshot promised in _promised)
            promised.Dispose();
        _promised.Clear();
    }

    private void Capture()
    {
        Interlocked.Exchange(ref _captured, _capture())?.Dispose();
        Volatile.Write(ref _asked, false);
    }
}
