using System.Text;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;
using Target = EtcdNet.Protocol.Etcdserverpb.Compare.Types.CompareTarget;

namespace EtcdNet.Model.Script;

/// <summary>Random requests over few keys and leases, so that they meet each other.</summary>
internal sealed class RequestMaker
{
    private const int Leases = 6;
    private const int History = 60;
    private static readonly ByteString _zero = ByteString.CopyFrom(0);
    private readonly Random _random;
    private readonly ByteString[] _keys;
    private readonly bool _largeValues;

    internal RequestMaker(Random random)
    {
        _random = random;
        _largeValues = random.Next(12) == 0;
        var keys = new SortedSet<string>(StringComparer.Ordinal);
        int count = random.Next(3) == 0 ? random.Next(80, 400) : random.Next(2, 40);
        while (keys.Count < count)
            keys.Add(NewKey());
        _keys = [.. keys.Select(static key => ByteString.CopyFrom(key, Encoding.Latin1))];
    }

    internal PutRequest Put()
    {
        var put = new PutRequest { Key = AnyKey(), PrevKv = _random.Next(3) == 0 };
        if (_random.Next(15) == 0)
            put.IgnoreValue = true;
        if (!put.IgnoreValue || _random.Next(10) == 0)
            put.Value = Value();
        if (_random.Next(15) == 0)
            put.IgnoreLease = true;
        if (!put.IgnoreLease ? _random.Next(4) == 0 : _random.Next(10) == 0)
            put.Lease = LeaseId();
        return put;
    }

    internal DeleteRangeRequest Delete() => new()
    {
        Key = AnyKey(), RangeEnd = _random.Next(3) == 0 ? RangeEnd() : ByteString.Empty, PrevKv = _random.Next(2) == 0,
    };

    internal RangeRequest Range()
    {
        var range = new RangeRequest { Key = AnyKey(), RangeEnd = RangeEnd() };
        if (_random.Next(2) == 0)
            range.Revision = _random.Next(60) == 0 ? -1 : Past();
        if (_random.Next(3) == 0)
            range.Limit = _random.Next(8);
        range.KeysOnly = _random.Next(5) == 0;
        range.CountOnly = _random.Next(7) == 0;
        range.Serializable = _random.Next(4) == 0;
        if (_random.Next(3) == 0)
            (range.SortOrder, range.SortTarget) = ((RangeRequest.Types.SortOrder)_random.Next(3), (RangeRequest.Types.SortTarget)_random.Next(5));
        if (_random.Next(300) == 0)
            range.SortTarget = (RangeRequest.Types.SortTarget)9;
        if (_random.Next(8) == 0)
            range.MinModRevision = Past();
        if (_random.Next(8) == 0)
            range.MaxModRevision = Past();
        if (_random.Next(8) == 0)
            range.MinCreateRevision = Past();
        if (_random.Next(8) == 0)
            range.MaxCreateRevision = Past();
        return range;
    }

    internal TxnRequest Txn(bool readOnly) => Txn(readOnly, depth: 0);

    internal long LeaseId() => _random.Next(_random.Next(30) == 0 ? 0 : 1, Leases + 1);

    internal ByteString Key() => _keys[_random.Next(_keys.Length)];

    internal ByteString RangeEnd() => _random.Next(10) switch
    {
        < 4 => ByteString.Empty,
        4 => _zero,
        _ => Key(),
    };

    private TxnRequest Txn(bool readOnly, int depth)
    {
        var txn = new TxnRequest();
        for (int i = _random.Next(3); i > 0; i--)
            txn.Compare.Add(Compare());
        for (int i = _random.Next(5); i > 0; i--)
            txn.Success.Add(Op(readOnly, depth));
        for (int i = _random.Next(4); i > 0; i--)
            txn.Failure.Add(Op(readOnly, depth));
        if (_random.Next(500) == 0)
            txn.Success.Add(new RequestOp());
        return txn;
    }

    private RequestOp Op(bool readOnly, int depth)
    {
        if (depth < 3 && _random.Next(8) == 0)
            return new RequestOp { RequestTxn = Txn(readOnly, depth + 1) };
        if (readOnly || _random.Next(4) == 0)
            return new RequestOp { RequestRange = Range() };
        return _random.Next(5) < 3 ? new RequestOp { RequestPut = Put() } : new RequestOp { RequestDeleteRange = Delete() };
    }

    private Compare Compare()
    {
        var compare = new Compare { Key = AnyKey(), Result = (Compare.Types.CompareResult)_random.Next(4) };
        if (_random.Next(5) == 0)
            compare.RangeEnd = RangeEnd();
        switch (_random.Next(5))
        {
            case 0:
                (compare.Target, compare.Version) = (Target.Version, _random.Next(4));
                break;
            case 1:
                (compare.Target, compare.CreateRevision) = (Target.Create, _random.Next(3) == 0 ? 0 : Past());
                break;
            case 2:
                (compare.Target, compare.ModRevision) = (Target.Mod, _random.Next(3) == 0 ? 0 : Past());
                break;
            case 3:
                (compare.Target, compare.Value) = (Target.Value, Value());
                break;
            default:
                (compare.Target, compare.Lease) = (Target.Lease, _random.Next(3) == 0 ? 0 : LeaseId());
                break;
        }
        return compare;
    }

    private ByteString AnyKey() => _random.Next(400) == 0 ? ByteString.Empty : Key();

    private long Past() => Relative.Now(2 - _random.Next(History));

    private ByteString Value()
    {
        int length = _random.Next(60) switch
        {
            0 when _largeValues => _random.Next(20) == 0 ? _random.Next(1 << 20, 3 << 20) : _random.Next(400_000),
            < 10 when _largeValues => _random.Next(30_000),
            < 2 => _random.Next(3000),
            _ => _random.Next(4),
        };
        byte[] value = new byte[length];
        _random.NextBytes(value);
        // Short values come from few letters, so that they are equal now and then.
        for (int i = 0; i < Math.Min(length, 4); i++)
            value[i] = (byte)('a' + (value[i] % 4));
        return UnsafeByteOperations.UnsafeWrap(value);
    }

    // Prefixes of each other, neighbours, zero bytes and the highest bytes: where ranges go wrong.
    private string NewKey()
    {
        const string letters = "abc\0\xff";
        string key = new([.. Enumerable.Range(0, _random.Next(1, 6)).Select(_ => letters[_random.Next(letters.Length)])]);
        return _random.Next(60) == 0 ? key + new string('z', _random.Next(300)) : key;
    }
}
