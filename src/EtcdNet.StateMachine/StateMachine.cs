using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Raftpb;
using EtcdNet.StateMachine.Alarms;
using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Leases;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Txn;

namespace EtcdNet.StateMachine;

/// <summary>
/// What the agreed order of entries means. Same entries, same bytes on every member: no clock, no IO, no chance.
/// One thread applies; the parts named here may be read by any thread.
/// </summary>
public sealed partial class StateMachine
{
    private ulong _index;
    private ulong _term;
    private ulong _publishedIndex;
    private ReadOnlyMemory<byte> _confState;
    private bool _inBatch;

    /// <summary>An empty state over an empty backend (<see cref="Restore"/> fills both from a checkpoint).</summary>
    /// <param name="backend">Where the records go.</param>
    /// <param name="minLeaseTtl">Smallest TTL granted, seconds (1.5 election timeouts, rounded up). The same on every member.</param>
    /// <param name="maxLearners">Most learners at a time. The same on every member.</param>
    public StateMachine(IBackend backend, long minLeaseTtl, int maxLearners = MemberStore.DefaultMaxLearners)
    {
        Backend = new ExchangeableBackend(backend);
        Leases = new LeaseStore(minLeaseTtl);
        Members = new MemberStore(maxLearners);
        Store = new MvccStore(Backend, Leases);
        Txns = new TxnApplier(Store);
        Compactor = new Compactor(Store, Backend);
        Auth.Changing = PublishKeys;
    }

    /// <summary>Where the records are; the same object for ever, whatever is behind it.</summary>
    public ExchangeableBackend Backend { get; }

    /// <summary>Keys and history.</summary>
    public MvccStore Store { get; }

    /// <summary>Evaluates read-only transactions.</summary>
    public TxnApplier Txns { get; }

    /// <summary>Physical compaction; to be stepped between batches on the applier's thread.</summary>
    public Compactor Compactor { get; }

    /// <summary>Leases.</summary>
    public LeaseStore Leases { get; }

    /// <summary>Alarms.</summary>
    public AlarmStore Alarms { get; } = new();

    /// <summary>Users, roles and permissions.</summary>
    public AuthStore Auth { get; } = new();

    /// <summary>Members and versions.</summary>
    public MemberStore Members { get; }

    /// <summary>
    /// Last entry whose effects readers can see: who waits for an index and then takes a view finds the index in it. Any thread.
    /// </summary>
    public ulong AppliedIndex => Volatile.Read(ref _publishedIndex);

    /// <summary>Last entry applied, in an open batch too. Applier's thread.</summary>
    public ulong ConsistentIndex => _index;

    /// <summary>Term of the last entry applied. Applier's thread.</summary>
    public ulong ConsistentTerm => _term;

    /// <summary>Marshalled raftpb.ConfState after the last configuration change; empty when there was none. Applier's thread.</summary>
    public ReadOnlyMemory<byte> ConfState => _confState;

    /// <summary>
    /// Holds publishing back: entries applied until <see cref="EndBatch"/>, or until users change, become visible together, and their
    /// events follow in order. Cheaper than one by one; answers must not be sent before the batch has ended.
    /// </summary>
    public void BeginBatch()
    {
        Store.BeginBatch();
        _inBatch = true;
    }

    /// <summary>Publishes the batch.</summary>
    public void EndBatch()
    {
        _inBatch = false;
        Store.EndBatch();
        Volatile.Write(ref _publishedIndex, _index);
    }

    /// <summary>
    /// Rights are visible at once. Keys that were changed before them in the same batch have to be visible first: a read by the new rights
    /// must not see what was there before those changes.
    /// </summary>
    private void PublishKeys()
    {
        if (!_inBatch)
            return;
        Store.EndBatch();
        Store.BeginBatch();
    }

    /// <summary>Applies a request. An entry that was applied before is skipped.</summary>
    /// <exception cref="UnknownEntryException">The request is of a kind that this version does not know.</exception>
    public ApplyResult Apply(ulong index, ulong term, InternalRaftRequest request)
    {
        if (!Advance(index, term))
            return default;
        ApplyResult result;
        try
        {
            result = Dispatch(index, request);
        }
        catch (EtcdException refused)
        {
            result = new ApplyResult(null, refused);
        }
        PublishIndex();
        return result;
    }

    /// <summary>Applies an entry in the form that members before 3.6 write.</summary>
    /// <exception cref="UnknownEntryException">It is none that such members write.</exception>
    public ApplyResult ApplyV2(ulong index, ulong term, Request request)
    {
        if (!Advance(index, term))
            return default;
        ApplyV2Request(index, request);
        PublishIndex();
        return default;
    }

    /// <summary>Applies an entry without content, the first of a term.</summary>
    public void ApplyEmpty(ulong index, ulong term)
    {
        if (Advance(index, term))
            PublishIndex();
    }

    /// <summary>
    /// Applies a configuration change. Ask <see cref="MemberStore.Judge"/> first: a change that is refused is handed to Raft
    /// with node id 0, and the configuration that Raft answers comes in here either way.
    /// </summary>
    public ApplyResult ApplyConfChange(ulong index, ulong term, ConfChange change, ReadOnlyMemory<byte> confState)
    {
        if (!Advance(index, term))
            return default;
        EtcdError? error = Members.Judge(change);
        if (error is null)
            Members.Apply(change);
        _confState = confState;
        PublishIndex();
        return error is null ? default : ApplyResult.Refused(error);
    }

    /// <summary>
    /// Applies a change of several members at once (raftpb.ConfChangeV2), all of it or nothing, as
    /// <see cref="MemberStore.Judge(IReadOnlyList{ConfChange})"/> says. No changes: a joint configuration is left.
    /// </summary>
    public ApplyResult ApplyConfChange(ulong index, ulong term, IReadOnlyList<ConfChange> changes, ReadOnlyMemory<byte> confState)
    {
        if (!Advance(index, term))
            return default;
        EtcdError? error = Members.Judge(changes);
        if (error is null)
        {
            foreach (ConfChange change in changes)
                Members.Apply(change);
        }
        _confState = confState;
        PublishIndex();
        return error is null ? default : ApplyResult.Refused(error);
    }

    /// <summary>Hash of the key space at a revision (0: now), the number etcd gives. Any thread.</summary>
    /// <exception cref="EtcdException">Compacted, FutureRev.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public KvHashResult HashKv(long revision, CancellationToken cancellation = default) => Store.Hash(revision, cancellation);

    /// <summary>
    /// Hash of the whole replicated state; equal on members that applied the same entries. Applier's thread, outside of a batch.
    /// </summary>
    public uint Hash()
    {
        Invariant.Check(!_inBatch);
        var crc = new Crc32C();
        crc.Add(BitConverter.GetBytes(Store.Hash(0).Hash));
        crc.Add(BitConverter.GetBytes(Store.View.CurrentRevision));
        crc.Add(CaptureSmallState());
        return crc.Value;
    }

    private bool Advance(ulong index, ulong term)
    {
        if (index <= _index)
            return false;
        Invariant.Check(term >= _term);
        _index = index;
        _term = term;
        return true;
    }

    private void PublishIndex()
    {
        if (!_inBatch)
            Volatile.Write(ref _publishedIndex, _index);
    }
}
