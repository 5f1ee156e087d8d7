namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// The hashes of the last ten compactions: of the state at the compact revision, by the rule of the compaction before it, as
/// etcd since 3.5.5 keeps them so that members can be compared at revisions of which the past is gone. Any thread.
/// </summary>
public sealed class CompactionHashes
{
    private const int Kept = 10;

    private readonly Lock _gate = new();
    private readonly Queue<KvHashResult> _hashes = new();

    /// <summary>The hash kept for exactly this revision.</summary>
    public KvHashResult? Find(long revision)
    {
        lock (_gate)
        {
            foreach (KvHashResult hash in _hashes)
            {
                if (hash.Revision == revision)
                    return hash;
            }
            return null;
        }
    }

    /// <summary>All that are kept, the newest first.</summary>
    public IReadOnlyList<KvHashResult> NewestFirst()
    {
        lock (_gate)
            return [.. _hashes.Reverse()];
    }

    internal void Add(KvHashResult hash)
    {
        lock (_gate)
        {
            _hashes.Enqueue(hash);
            if (_hashes.Count > Kept)
                _hashes.Dequeue();
        }
    }
}

/// <summary>
/// A compaction that was applied and not carried out yet. While it is not disposed the compactor waits, so that what was there
/// before can still be hashed.
/// </summary>
public sealed class ScheduledCompaction : IDisposable
{
    private readonly MvccStore _store;
    private readonly ReadPins.Pin _pin;
    private readonly long _before;
    private readonly ReadView _view;
    private readonly int _adoptions;

    internal ScheduledCompaction(MvccStore store, long revision, long before)
    {
        _store = store;
        Revision = revision;
        _before = before;
        _view = store.View;
        _adoptions = store.Adoptions;
        _pin = store.Pins.Add();
        _pin.Settle(before);
    }

    /// <summary>Its revision.</summary>
    public long Revision { get; }

    /// <summary>Computes the hash and keeps it for <see cref="MvccStore.Hash"/>. Any thread; reads every record that lives at the revision.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="BackendDamagedException">A record is damaged or missing.</exception>
    public void Hash(CancellationToken cancellation) => _store.KeepHash(_view, _adoptions, Revision, _before, cancellation);

    /// <inheritdoc/>
    public void Dispose() => _pin.Dispose();
}
