using System.Text;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using Google.Protobuf;

namespace EtcdNet.StateMachine.Tests;

/// <summary>A state machine with short words for what tests say often.</summary>
internal sealed class Machine
{
    private ulong _index;

    public Machine(InMemoryBackend? backend = null, StateImage? image = null)
    {
        Backend = backend ?? new InMemoryBackend();
        State = new StateMachine(Backend, minLeaseTtl: 2);
        if (image is null)
            return;
        State.Restore(image, Backend);
        _index = image.AppliedIndex;
    }

    public InMemoryBackend Backend { get; }

    public StateMachine State { get; }

    public MvccStore Store => State.Store;

    public ulong NextIndex() => ++_index;

    public static ByteString Bytes(string text) => ByteString.CopyFrom(text, Encoding.Latin1);

    public ApplyResult Apply(InternalRaftRequest request) => State.Apply(++_index, 1, request);

    public T Do<T>(InternalRaftRequest request)
        where T : class, IMessage
    {
        ApplyResult result = Apply(request);
        Assert.Null(result.Error);
        return Assert.IsType<T>(result.Response);
    }

    public EtcdException Refused(InternalRaftRequest request)
    {
        ApplyResult result = Apply(request);
        Assert.Null(result.Response);
        return Assert.IsType<EtcdException>(result.Error);
    }

    public PutResponse Put(string key, string value = "", long lease = 0, bool prev = false) =>
        Do<PutResponse>(new InternalRaftRequest
        {
            Put = new PutRequest { Key = Bytes(key), Value = Bytes(value), Lease = lease, PrevKv = prev },
        });

    public DeleteRangeResponse Delete(string key, string end = "", bool prev = false) =>
        Do<DeleteRangeResponse>(new InternalRaftRequest
        {
            DeleteRange = new DeleteRangeRequest { Key = Bytes(key), RangeEnd = Bytes(end), PrevKv = prev },
        });

    public TxnResponse Txn(TxnRequest request) => Do<TxnResponse>(new InternalRaftRequest { Txn = request });

    public EtcdException? Compact(long revision, bool physically = true)
    {
        ApplyResult result = Apply(new InternalRaftRequest { Compaction = new CompactionRequest { Revision = revision } });
        while (physically && State.Compactor.Step(3))
        {
        }
        return result.Error;
    }

    public LeaseGrantResponse Grant(long id, long ttl = 60) =>
        Do<LeaseGrantResponse>(new InternalRaftRequest { LeaseGrant = new LeaseGrantRequest { ID = id, TTL = ttl } });

    public LeaseRevokeResponse Revoke(long id) =>
        Do<LeaseRevokeResponse>(new InternalRaftRequest { LeaseRevoke = new LeaseRevokeRequest { ID = id } });

    public RangeResponse Range(string key, string end = "", long revision = 0, Action<RangeRequest>? with = null)
    {
        var request = new RangeRequest { Key = Bytes(key), RangeEnd = Bytes(end), Revision = revision };
        with?.Invoke(request);
        return Store.Range(request);
    }

    /// <summary>"a=1 b=2" in the order of the answer.</summary>
    public string Show(string key, string end = "", long revision = 0, Action<RangeRequest>? with = null) =>
        Show(Range(key, end, revision, with).Kvs);

    public static string Show(IEnumerable<KeyValue> pairs) =>
        string.Join(' ', pairs.Select(pair => $"{pair.Key.ToStringUtf8()}={pair.Value.ToStringUtf8()}"));

    public StateImage Restartable() => State.Capture();
}
