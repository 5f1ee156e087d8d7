using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using Xunit.Abstractions;
using Target = EtcdNet.Protocol.Etcdserverpb.Compare.Types.CompareTarget;

namespace EtcdNet.StateMachine.Tests;

/// <summary>
/// Random requests to the state machine and to a list of all versions; after each the answers must agree. A second member
/// gets the same entries in batches and compacts at its own pace; both restart from checkpoints now and then.
/// </summary>
public sealed class ModelTests(ITestOutputHelper output)
{
    private const int Steps = 6000;

    private readonly NaiveStore _model = new();
    private readonly List<(ulong Index, InternalRaftRequest Request)> _log = [];
    private Random _random = new(0);
    private Machine _machine = new();
    private Machine _other = new();
    private int _sent;

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    public void Random_requests_agree_with_a_list_of_all_versions(int seed)
    {
        output.WriteLine($"seed {seed}");
        _random = new Random(seed);
        for (int step = 0; step < Steps; step++)
        {
            ChangeSomething();
            Assert.Equal(_model.Current, _machine.Store.CurrentRevision);
            ReadSomething();
            if (_random.Next(4) == 0)
                _machine.State.Compactor.Step(1 + _random.Next(4));
            if (_random.Next(50) == 0)
                FollowWithOther();
            if (_random.Next(300) == 0)
                _machine = Restart(_machine);
            if (_random.Next(300) == 0)
                _other = Restart(_other);
        }
        FollowWithOther();
        Assert.InRange(_model.Current, Steps / 3, long.MaxValue);
    }

    private void ChangeSomething()
    {
        switch (_random.Next(20))
        {
            case < 8:
                Put();
                break;
            case < 12:
                (string key, string end) = AnyRange();
                int deleted = _model.Delete(key, end);
                _model.End();
                Assert.Equal(deleted, Do<DeleteRangeResponse>(new() { DeleteRange = Op.Delete(key, end).RequestDeleteRange }).Deleted);
                break;
            case < 16:
                Transact();
                break;
            case 16:
                Compact();
                break;
            case 17:
                long id = 1 + _random.Next(5);
                ApplyResult result = Apply(new() { LeaseGrant = new LeaseGrantRequest { ID = id, TTL = 10 } });
                Assert.Equal(_model.Leases.Add(id), result.Error is null);
                break;
            case 18 when _model.Leases.Count > 0:
                long lease = _model.Leases.ElementAt(_random.Next(_model.Leases.Count));
                _model.Revoke(lease);
                Do<LeaseRevokeResponse>(new() { LeaseRevoke = new LeaseRevokeRequest { ID = lease } });
                break;
            default:
                Assert.Equal(EtcdError.LeaseNotFound.Message, Apply(new() { Put = Op.Put("x", lease: 99).RequestPut }).Error?.Message);
                break;
        }
    }

    private void Put()
    {
        string key = AnyKey();
        string value = $"{_random.Next(1000)}";
        long lease = AnyLease();
        KeyValue? old = _model.Get(key, _model.Current);
        _model.Put(key, value, lease);
        _model.End();
        PutResponse answer = Do<PutResponse>(new() { Put = Op.Put(key, value, lease, prev: true).RequestPut });
        Assert.Equal((old, _model.Current), (answer.PrevKv, answer.Header.Revision));
    }

    private void Transact()
    {
        string judged = AnyKey();
        KeyValue? pair = _model.Get(judged, _model.Current);
        bool byValue = _random.Next(2) == 0;
        long wanted = _random.Next(3);
        Compare compare = byValue
            ? Op.When(judged, Target.Value, ">", value: "5")
            : Op.When(judged, Target.Version, "=", wanted);
        bool expected = byValue
            ? pair is not null && string.CompareOrdinal(pair.Value.ToStringUtf8(), "5") > 0
            : (pair?.Version ?? 0) == wanted;
        var ops = new List<RequestOp>();
        var check = new List<Action<ResponseOp>>();
        var branch = Op.Txn([compare]);
        for (int i = _random.Next(5); i > 0; i--)
            AddOp(ops, check);
        (expected ? branch.Success : branch.Failure).Add(ops);
        (expected ? branch.Failure : branch.Success).Add(Op.Put("never"));
        _model.End();
        TxnResponse answer = Do<TxnResponse>(new() { Txn = branch });
        Assert.Equal((expected, _model.Current), (answer.Succeeded, answer.Header.Revision));
        for (int i = 0; i < check.Count; i++)
            check[i](answer.Responses[i]);
    }

    private void AddOp(List<RequestOp> ops, List<Action<ResponseOp>> check)
    {
        (string key, string end) = AnyRange();
        switch (_random.Next(4))
        {
            case 0:
                List<KeyValue> seen = _model.Range(key, end, long.MaxValue);
                ops.Add(Op.Get(key, end));
                check.Add(response => Assert.Equal(seen, response.ResponseRange.Kvs));
                break;
            case 1:
                int deleted = _model.Delete(key, end);
                ops.Add(Op.Delete(key, end));
                check.Add(response => Assert.Equal(deleted, response.ResponseDeleteRange.Deleted));
                break;
            default:
                string value = $"{_random.Next(1000)}";
                long lease = AnyLease();
                _model.Put(key, value, lease);
                ops.Add(_random.Next(2) == 0 ? Op.Put(key, value, lease) : Op.Nested(Op.Txn(then: [Op.Put(key, value, lease)])));
                check.Add(response => Assert.NotEqual(ResponseOp.ResponseOneofCase.None, response.ResponseCase));
                break;
        }
    }

    private void Compact()
    {
        long revision = Math.Max(1, _model.Current - _random.Next(60));
        ApplyResult result = Apply(new() { Compaction = new CompactionRequest { Revision = revision } });
        Assert.Equal(revision <= _model.Compacted, result.Error is not null);
        _model.Compacted = Math.Max(_model.Compacted, revision);
    }

    private void ReadSomething()
    {
        (string key, string end) = AnyRange();
        long revision = Math.Max(0, _model.Current + 1 - _random.Next(80));
        var request = new RangeRequest
        {
            Key = Machine.Bytes(key), RangeEnd = Machine.Bytes(end), Revision = revision, Limit = _random.Next(6), CountOnly = _random.Next(4) == 0,
        };
        if (revision > _model.Current || (revision > 0 && revision < _model.Compacted))
        {
            string text = (revision > _model.Current ? EtcdError.FutureRev : EtcdError.Compacted).Message;
            Assert.Equal(text, Assert.Throws<EtcdException>(() => _machine.Store.Range(request)).Message);
            return;
        }
        RangeResponse answer = _machine.Store.Range(request);
        List<KeyValue> expected = _model.Range(key, end, revision == 0 ? _model.Current : revision);
        Assert.Equal((expected.Count, _model.Current), (answer.Count, answer.Header.Revision));
        if (request.CountOnly)
            return;
        Assert.Equal(request.Limit == 0 ? expected : expected.Take((int)request.Limit), answer.Kvs);
        Assert.Equal(request.Limit > 0 && expected.Count > request.Limit, answer.More);
        if (revision > 0)
            ReadHistory(key, end, Math.Max(revision, 1));
    }

    private void ReadHistory(string key, string end, long from)
    {
        // At the compact revision itself only the newest change of a key stays.
        if (from <= _model.Compacted)
            return;
        using IHistoryCursor cursor = _machine.Store.Open(Machine.Bytes(key).Memory, Machine.Bytes(end).Memory, from, _model.Current);
        var events = new List<StoreEvent>();
        while (cursor.ReadNext(events, 3) < _model.Current)
        {
        }
        Assert.Equal(
            _model.Events(key, end, from, _model.Current),
            events.Select(e => $"{e.Revision} {e.Type == Event.Types.EventType.Put} {e.KeyValue.Key.ToStringUtf8()}={e.KeyValue.Value.ToStringUtf8()}"));
    }

    private void FollowWithOther()
    {
        _other.State.BeginBatch();
        for (; _sent < _log.Count; _sent++)
            _other.State.Apply(_log[_sent].Index, 1, _log[_sent].Request);
        _other.State.EndBatch();
        _other.State.Compactor.Step(1 + _random.Next(50));
        Assert.Equal(_machine.State.Hash(), _other.State.Hash());
        long revision = Math.Max(Math.Max(1, _model.Compacted), _model.Current - _random.Next(40));
        Assert.Equal(_machine.State.HashKv(revision).Hash, _other.State.HashKv(revision).Hash);
        foreach (long lease in _model.Leases)
            Assert.Equal(
                _model.Range("\0", "\0", _model.Current).Where(pair => pair.Lease == lease).Select(pair => pair.Key.ToStringUtf8()),
                _machine.State.Leases.KeysOf(lease).Select(key => System.Text.Encoding.UTF8.GetString(key.Span)));
    }

    /// <summary>Stops after a checkpoint and starts from it; dead records may or may not be gone by then.</summary>
    private Machine Restart(Machine machine)
    {
        StateImage image = machine.State.Capture();
        if (!machine.State.Compactor.HasWork && _random.Next(2) == 0)
            machine.Backend.Purge();
        machine.Backend.ScanOrder = _random.Next(2) == 0 ? _random : null;
        var again = new Machine(machine.Backend, image);
        Assert.Equal(machine.State.Hash(), again.State.Hash());
        return again;
    }

    private ApplyResult Apply(InternalRaftRequest request)
    {
        ApplyResult result = _machine.Apply(request);
        _log.Add((_machine.State.ConsistentIndex, request));
        return result;
    }

    private T Do<T>(InternalRaftRequest request)
        where T : class
    {
        ApplyResult result = Apply(request);
        Assert.Null(result.Error);
        return Assert.IsType<T>(result.Response);
    }

    private string AnyKey() => $"k{_random.Next(30):d2}";

    private long AnyLease() => _model.Leases.Count > 0 && _random.Next(3) == 0 ? _model.Leases.ElementAt(_random.Next(_model.Leases.Count)) : 0;

    private (string Key, string End) AnyRange() => _random.Next(10) switch
    {
        0 => ("\0", "\0"),
        1 => (AnyKey(), "\0"),
        < 5 => (AnyKey(), AnyKey()),
        _ => (AnyKey(), ""),
    };
}
