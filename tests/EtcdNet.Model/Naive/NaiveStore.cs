using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using Google.Protobuf;

namespace EtcdNet.Model.Naive;

/// <summary>
/// etcd's rules in the most stupid form: every version of every key there ever was, kept for ever, and every answer made by looking at them.
/// It says what a request must be answered, refusals included. Not thread-safe.
/// </summary>
/// <remarks>The virtual parts are there to be made wrong: a check is only worth something when it is shown to find mistakes.</remarks>
public partial class NaiveStore(long minLeaseTtl)
{
    private readonly List<Change> _all = [];
    // The same changes key by key, so that millions of requests take minutes.
    private readonly SortedDictionary<ByteString, List<Change>> _byKey = new(KeyOrder.Instance);
    private readonly SortedDictionary<long, NaiveLease> _leases = [];
    private int _sub;

    /// <summary>Newest revision.</summary>
    public long Current { get; private set; } = 1;

    /// <summary>Last compaction; −1 for none.</summary>
    public long Compacted { get; private set; } = -1;

    /// <summary>The leases by id.</summary>
    public IReadOnlyDictionary<long, NaiveLease> Leases => _leases;

    // Inside a transaction that has changed something its own revision is the newest.
    private long Now => _sub > 0 ? Current + 1 : Current;

    /// <summary>Applies a request that changes something, as one entry of the log.</summary>
    public Answer Apply(InternalRaftRequest request)
    {
        Answer answer = Answer.Of(() => Dispatch(request));
        if (_sub > 0)
            Current++;
        _sub = 0;
        return answer;
    }

    /// <summary>Answers a range.</summary>
    public Answer Range(RangeRequest request) => Answer.Of(() =>
    {
        NaiveChecks.Check(request);
        return RangeNow(request);
    });

    /// <summary>Answers a transaction that only reads.</summary>
    public Answer Read(TxnRequest request) => Answer.Of(() => Transact(request));

    /// <summary>The keys that hang on a lease, in byte order.</summary>
    public IEnumerable<ByteString> KeysOf(long lease) =>
        Live(ByteString.CopyFrom(0), ByteString.CopyFrom(0), Current).Where(pair => pair.Lease == lease).Select(static pair => pair.Key);

    /// <summary>The changes of a range in a window of revisions, in order.</summary>
    public IEnumerable<Change> Changes(ByteString key, ByteString rangeEnd, long from, long to)
    {
        for (int i = FirstAtOrAfter(from); i < _all.Count && _all[i].At.Main <= to; i++)
        {
            if (KeyOrder.Contains(key, rangeEnd, _all[i].Key))
                yield return _all[i];
        }
    }

    /// <summary>Whether a revision can no longer be read.</summary>
    protected virtual bool IsGone(long revision) => revision < Compacted;

    /// <summary>The version number of a new pair.</summary>
    protected virtual long NextVersion(KeyValue? old) => (old?.Version ?? 0) + 1;

    /// <summary>The lease of a pair that is put without one.</summary>
    protected virtual long LeaseOfPlainPut(KeyValue? old) => 0;

    private IMessage? Dispatch(InternalRaftRequest request)
    {
        if (request.Put is { } put)
            return PutAlone(put);
        if (request.DeleteRange is { } delete)
        {
            NaiveChecks.Check(delete);
            return Delete(delete);
        }
        if (request.Txn is { } txn)
            return Transact(txn);
        if (request.Compaction is { } compaction)
            return Compact(compaction.Revision);
        if (request.LeaseGrant is { } grant)
            return Grant(grant);
        if (request.LeaseRevoke is { } revoke)
            return Revoke(revoke.ID);
        foreach (LeaseCheckpoint checkpoint in request.LeaseCheckpoint.Checkpoints)
        {
            if (_leases.TryGetValue(checkpoint.ID, out NaiveLease? lease))
                _leases[checkpoint.ID] = lease with { RemainingTtl = checkpoint.RemainingTTL };
        }
        return null;
    }

    private CompactionResponse Compact(long revision)
    {
        if (revision <= Compacted)
            throw EtcdError.Compacted.ToException();
        if (revision > Current)
            throw EtcdError.FutureRev.ToException();
        Compacted = revision;
        return new CompactionResponse { Header = Header() };
    }

    private LeaseGrantResponse Grant(LeaseGrantRequest grant)
    {
        if (grant.ID == 0)
            throw EtcdError.LeaseNotFound.ToException();
        if (grant.TTL > 9_000_000_000)
            throw EtcdError.LeaseTTLTooLarge.ToException();
        var lease = new NaiveLease(Math.Max(grant.TTL, minLeaseTtl), 0);
        if (!_leases.TryAdd(grant.ID, lease))
            throw EtcdError.LeaseExist.ToException();
        return new LeaseGrantResponse { Header = Header(), ID = grant.ID, TTL = lease.Ttl };
    }

    private LeaseRevokeResponse Revoke(long id)
    {
        if (!_leases.ContainsKey(id))
            throw EtcdError.LeaseNotFound.ToException();
        foreach (ByteString key in KeysOf(id).ToList())
            Add(key, null);
        _leases.Remove(id);
        return new LeaseRevokeResponse { Header = new ResponseHeader { Revision = Now } };
    }

    private ResponseHeader Header() => new() { Revision = Now };

    private KeyValue? Find(ByteString key) => _byKey.TryGetValue(key, out List<Change>? changes) ? changes[^1].Pair : null;

    private void Add(ByteString key, KeyValue? pair)
    {
        if (!_byKey.TryGetValue(key, out List<Change>? changes))
            _byKey.Add(key, changes = []);
        bool created = pair is not null && pair.CreateRevision == Current + 1;
        KeyValue? before = created ? null : changes.FindLast(one => one.At.Main <= Current)?.Pair;
        var change = new Change(new Revision(Current + 1, _sub++), key, pair, before);
        changes.Add(change);
        _all.Add(change);
    }

    private int FirstAtOrAfter(long revision)
    {
        (int low, int high) = (0, _all.Count);
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _all[middle].At.Main < revision ? (middle + 1, high) : (low, middle);
        }
        return low;
    }

    private static KeyValue? FindAt(List<Change> changes, long revision)
    {
        for (int i = changes.Count - 1; i >= 0; i--)
        {
            if (changes[i].At.Main <= revision)
                return changes[i].Pair;
        }
        return null;
    }
}

/// <summary>A key was put or deleted.</summary>
/// <param name="At">When.</param>
/// <param name="Key">Which.</param>
/// <param name="Pair">What it became; null when it was deleted.</param>
/// <param name="Before">What it was at the main revision before, as watchers are told; null when it did not exist then, or when a put created it.</param>
public sealed record Change(Revision At, ByteString Key, KeyValue? Pair, KeyValue? Before);

/// <summary>A lease: seconds granted, and seconds left at its last checkpoint (0: there was none).</summary>
public sealed record NaiveLease(long Ttl, long RemainingTtl);
