using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine;

/// <summary>Going on from the state of another member (Raft paper §7).</summary>
public sealed partial class StateMachine
{
    /// <summary>
    /// Takes over everything from a state machine that was filled from a leader's snapshot (<see cref="Restore"/>) and to
    /// which nothing was applied since; that one must not be used any more. The parts of this one stay the same objects, so
    /// that readers go on. Watchers are not told: a whole range of revisions was skipped. Applier's thread, outside of a batch.
    /// </summary>
    /// <returns>The backend that is not needed any more.</returns>
    /// <exception cref="InvariantException">The other state is not newer than this one.</exception>
    public ExchangeableBackend.Retired Adopt(StateMachine prepared)
    {
        Invariant.Check(!_inBatch && Store.IsPublished);
        Invariant.Check(prepared._index > _index && prepared._term >= _term);
        Invariant.Check(prepared.Store.WorkingRevision >= Store.WorkingRevision);
        Invariant.Check(prepared.Store.WorkingCompactRevision >= Store.WorkingCompactRevision);
        Auth.BeginAdopting(prepared.Auth.View);
        Backend.Exchange(prepared.Backend.Current);
        Leases.Adopt(prepared.Leases);
        Alarms.Adopt(prepared.Alarms);
        Members.Adopt(prepared.Members);
        _confState = prepared._confState;
        Compactor.Reset(prepared.Compactor.FinishedRevision);
        Store.Adopt(prepared.Store);
        Auth.Adopt(prepared.Auth.View);
        _index = prepared._index;
        _term = prepared._term;
        Volatile.Write(ref _publishedIndex, _index);
        return Backend.Retire();
    }
}
