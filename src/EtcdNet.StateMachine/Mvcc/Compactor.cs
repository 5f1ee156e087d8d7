namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// The physical half of a compaction: prunes the histories that have something to prune and releases their records, a
/// slice at a time, on the applier's thread between two batches. What readers see was settled when the compaction was applied.
/// <para>
/// A pass works for one target revision. Compactions that are applied meanwhile are served together by the next pass.
/// After a restart an unfinished pass starts over.
/// </para>
/// </summary>
public sealed class Compactor
{
    private readonly MvccStore _store;
    private readonly IBackend _backend;
    private long _target;
    private int _keysLeft;
    private KeyHistory? _current;
    private int _currentDead;
    private int _currentReleased;
    private long _passCount;
    private ulong _passCrcSum;
    private long _passBytes;
    private long _finished;

    internal Compactor(MvccStore store, IBackend backend)
    {
        _store = store;
        _backend = backend;
    }

    /// <summary>Compaction whose dead revisions have all been released; 0 for none. Any thread.</summary>
    public long FinishedRevision
    {
        get => Interlocked.Read(ref _finished);
        private set => Interlocked.Exchange(ref _finished, value);
    }

    /// <summary>
    /// A pass is under way: the index has already let go of records that the rule of <see cref="FinishedRevision"/> still
    /// counts, so nothing may be collected and the image of a checkpoint needs <see cref="PassBytes"/>. Applier's thread.
    /// </summary>
    public bool IsRunning => _store.IsPruning;

    /// <summary>Bytes released by the pass that is under way; a restart will release them again. Applier's thread.</summary>
    internal long PassBytes => IsRunning ? _passBytes : 0;

    /// <summary>There is something to do. Any thread may ask; exact on the applier's.</summary>
    public bool HasWork => IsRunning || CanStart;

    // Who reads below the target goes on first. Whoever pins from now on sees the compaction.
    private bool CanStart => _store.CompactRevision > FinishedRevision && _store.Pins.Oldest >= _store.CompactRevision;

    /// <summary>Records released since the start.</summary>
    public long ReleasedTotal { get; private set; }

    /// <summary>Goes on in another state; a pass that was under way is given up with the old one.</summary>
    internal void Reset(long finishedRevision)
    {
        (_current, _keysLeft) = (null, 0);
        FinishedRevision = finishedRevision;
    }

    /// <summary>Does a slice of the work. Applier's thread, outside of a batch.</summary>
    /// <param name="budget">Keys to look at and records to release, together; a key with very many takes several slices.</param>
    /// <returns>True when there is more to do.</returns>
    public bool Step(int budget)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(budget);
        // Readers must know of the compaction before anything disappears.
        Invariant.Check(_store.IsPublished);
        if (!IsRunning && !TryStart())
            return false;
        bool removed = false;
        while (budget > 0 && (_current is not null || TakeNext()))
        {
            budget -= 1 + Release(_current!, budget);
            if (_currentReleased == _currentDead)
                removed |= FinishCurrent(_current!);
        }
        if (removed)
            _store.Changed();
        if (_keysLeft == 0 && _current is null)
            Finish();
        return HasWork;
    }

    private bool TryStart()
    {
        if (!CanStart)
            return false;
        _store.IsPruning = true;
        _target = _store.CompactRevision;
        _store.PrunedTo = _target;
        // Keys that are queued from now on have only changed after the target.
        _keysLeft = _store.PruneQueue.Count;
        _passCount = 0;
        _passCrcSum = 0;
        _passBytes = 0;
        return true;
    }

    private bool TakeNext()
    {
        if (_keysLeft == 0)
            return false;
        _keysLeft--;
        _current = _store.PruneQueue.Dequeue();
        _current.IsQueued = false;
        _currentDead = _current.PrunableAt(_target);
        _currentReleased = 0;
        return true;
    }

    /// <summary>The key may change between two slices: that adds to the end of its history, and what is dead stays dead.</summary>
    private int Release(KeyHistory item, int recordsMax)
    {
        int count = Math.Min(_currentDead - _currentReleased, recordsMax);
        long bytesBefore = _backend.SizeInUseInBytes;
        for (int i = 0; i < count; i++)
            _passCrcSum += _backend.Release(item.At(_currentReleased + i).Revision);
        _passBytes += bytesBefore - _backend.SizeInUseInBytes;
        _currentReleased += count;
        _passCount += count;
        ReleasedTotal += count;
        return count;
    }

    private bool FinishCurrent(KeyHistory item)
    {
        _current = null;
        if (_currentDead == item.Count)
        {
            _store.Index.Remove(item.Key);
            return true;
        }
        if (_currentDead > 0)
            item.Drop(_currentDead);
        _store.QueueForPruning(item);
        return false;
    }

    private void Finish()
    {
        _store.IsPruning = false;
        _store.RecordCount -= _passCount;
        _store.RecordCrcSum -= _passCrcSum;
        FinishedRevision = _target;
    }
}
