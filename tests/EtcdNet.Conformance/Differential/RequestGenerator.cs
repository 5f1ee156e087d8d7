using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;
using Target = EtcdNet.Protocol.Etcdserverpb.Compare.Types.CompareTarget;

namespace EtcdNet.Conformance.Differential;

/// <summary>Random requests over few keys, so that they meet each other: overlapping ranges, old revisions, reused leases, refused requests.</summary>
internal sealed class RequestGenerator(Random random)
{
    private const string Letters = "abcdefgh";

    /// <summary>The revision of the store after the last answer; revisions asked for lie around it.</summary>
    public long Revision { get; set; } = 1;

    /// <summary>The last compacted revision.</summary>
    public long Compacted { get; set; }

    /// <summary>The next request: its path and the message.</summary>
    public (string Path, IMessage Request) Next() => random.Next(100) switch
    {
        < 32 => ("/etcdserverpb.KV/Put", Put()),
        < 54 => ("/etcdserverpb.KV/Range", Range(plain: false)),
        < 64 => ("/etcdserverpb.KV/DeleteRange", Delete()),
        < 88 => ("/etcdserverpb.KV/Txn", Txn(depth: 0)),
        < 90 => ("/etcdserverpb.KV/Compact", new CompactionRequest { Revision = Past(), Physical = true }),
        < 93 => ("/etcdserverpb.Lease/LeaseGrant", new LeaseGrantRequest { ID = LeaseId(), TTL = random.Next(10) == 0 ? 9_000_000_001 : random.Next(3000, 90_000) }),
        < 95 => ("/etcdserverpb.Lease/LeaseRevoke", new LeaseRevokeRequest { ID = LeaseId() }),
        < 97 => ("/etcdserverpb.Lease/LeaseTimeToLive", new LeaseTimeToLiveRequest { ID = LeaseId(), Keys = random.Next(2) == 0 }),
        < 98 => ("/etcdserverpb.Lease/LeaseLeases", new LeaseLeasesRequest()),
        _ => ("/etcdserverpb.Maintenance/HashKV", new HashKVRequest { Revision = random.NextInt64(Compacted + 1, Revision + 2) }),
    };

    private PutRequest Put()
    {
        var put = new PutRequest { Key = Key(), PrevKv = random.Next(3) == 0 };
        if (random.Next(12) == 0)
            put.IgnoreValue = true;
        else
            put.Value = Value();
        if (random.Next(5) == 0)
            put.Lease = LeaseId();
        else if (random.Next(12) == 0)
            put.IgnoreLease = true;
        return put;
    }

    private DeleteRangeRequest Delete() => new() { Key = Key(), RangeEnd = random.Next(4) == 0 ? RangeEnd() : ByteString.Empty, PrevKv = random.Next(2) == 0 };

    // A plain range is one whose answer has only one possible order.
    private RangeRequest Range(bool plain)
    {
        var range = new RangeRequest { Key = Key(), RangeEnd = RangeEnd(), KeysOnly = random.Next(4) == 0, CountOnly = random.Next(6) == 0 };
        if (random.Next(3) == 0)
            range.Revision = Past();
        range.Serializable = random.Next(4) == 0;
        range.SortOrder = (RangeRequest.Types.SortOrder)random.Next(3);
        if (!plain && random.Next(3) == 0)
            range.SortTarget = (RangeRequest.Types.SortTarget)random.Next(1, 5);
        else
            range.Limit = random.Next(3) == 0 ? random.Next(1, 6) : 0;
        if (random.Next(6) == 0)
            range.MinModRevision = Past();
        if (random.Next(6) == 0)
            range.MaxModRevision = Past();
        if (random.Next(6) == 0)
            range.MinCreateRevision = Past();
        if (random.Next(6) == 0)
            range.MaxCreateRevision = Past();
        return range;
    }

    private TxnRequest Txn(int depth)
    {
        var txn = new TxnRequest();
        txn.Compare.AddRange(Enumerable.Range(0, random.Next(3)).Select(_ => Compare()));
        txn.Success.AddRange(Enumerable.Range(0, random.Next(5)).Select(_ => Operation(depth)));
        txn.Failure.AddRange(Enumerable.Range(0, random.Next(4)).Select(_ => Operation(depth)));
        return txn;
    }

    private RequestOp Operation(int depth) => random.Next(depth < 2 ? 20 : 18) switch
    {
        < 8 => new RequestOp { RequestPut = Put() },
        < 13 => new RequestOp { RequestRange = Range(plain: true) },
        < 18 => new RequestOp { RequestDeleteRange = DeleteInTxn() },
        _ => new RequestOp { RequestTxn = Txn(depth + 1) },
    };

    // etcd does not see that a deletion with an open end meets a later put, and a put that keeps the value of a key deleted before it ends etcd 3.5
    // with a panic. So deletions inside a transaction have an end here.
    private DeleteRangeRequest DeleteInTxn()
    {
        var delete = Delete();
        if (delete.RangeEnd.Length == 1 && delete.RangeEnd[0] == 0)
            delete.RangeEnd = ByteString.Empty;
        return delete;
    }

    private Compare Compare()
    {
        var compare = new Compare { Key = Key(), Result = (Compare.Types.CompareResult)random.Next(4) };
        if (random.Next(5) == 0)
            compare.RangeEnd = RangeEnd();
        switch (random.Next(5))
        {
            case 0: (compare.Target, compare.Version) = (Target.Version, random.Next(4)); break;
            case 1: (compare.Target, compare.CreateRevision) = (Target.Create, random.Next(2) == 0 ? 0 : Past()); break;
            case 2: (compare.Target, compare.ModRevision) = (Target.Mod, random.Next(2) == 0 ? 0 : Past()); break;
            case 3: (compare.Target, compare.Value) = (Target.Value, Value()); break;
            default: (compare.Target, compare.Lease) = (Target.Lease, random.Next(2) == 0 ? 0 : LeaseId()); break;
        }

        return compare;
    }

    private ByteString Key() => random.Next(200) == 0
        ? ByteString.Empty
        : ByteString.CopyFromUtf8(new string([.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => Letters[random.Next(Letters.Length)])]));

    private ByteString RangeEnd() => random.Next(8) switch
    {
        < 3 => ByteString.Empty,
        3 => ByteString.CopyFrom(0),
        _ => Key(),
    };

    private ByteString Value()
    {
        var value = new byte[random.Next(60) == 0 ? random.Next(20_000) : random.Next(3)];
        random.NextBytes(value);
        return ByteString.CopyFrom(value);
    }

    private long LeaseId() => random.Next(1, 8);

    // Mostly a revision that is there, sometimes a compacted one or one to come.
    private long Past() => random.NextInt64(Math.Max(0, Compacted - 2), Revision + 3);
}
