using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;
using SortTarget = EtcdNet.Protocol.Etcdserverpb.RangeRequest.Types.SortTarget;
using Target = EtcdNet.Protocol.Etcdserverpb.Compare.Types.CompareTarget;

namespace EtcdNet.Conformance.Differential;

/// <summary>Random requests over few keys, so that they meet each other: overlapping ranges, old revisions, reused leases, watchers, refused requests.</summary>
/// <remarks>
/// Left out is what ends etcd 3.5 with a panic: an unknown sort target, and a put that keeps value or lease of a key that a deletion without an end has
/// deleted before it in the same transaction. And what has no one right answer: a limit on pairs that are sorted by something they may share.
/// </remarks>
/// <param name="random">The source of chance.</param>
/// <param name="store">Revisions asked for lie around those of the store.</param>
internal sealed class RequestGenerator(Random random, StoreState store)
{
    private const int WatchIds = 8;

    private const string Letters = "abcdefgh";
    private const int TxnDepthMax = 3;

    /// <summary>The next request: the RPC and the message.</summary>
    public (string Rpc, IMessage Request) Next() => random.Next(1000) switch
    {
        < 270 => ("Put", Put()),
        < 350 => (Rpcs.RangeStream, RangeInPieces()),
        < 470 => ("Range", Range(plain: false)),
        < 560 => ("DeleteRange", Delete()),
        < 800 => ("Txn", Txn(depth: 0)),
        < 808 => ("Compact", new CompactionRequest { Revision = Past(), Physical = true }),
        < 841 => ("LeaseGrant", new LeaseGrantRequest { ID = LeaseId(), TTL = Ttl() }),
        < 865 => ("LeaseRevoke", new LeaseRevokeRequest { ID = LeaseId() }),
        < 890 => ("LeaseTimeToLive", new LeaseTimeToLiveRequest { ID = LeaseId(), Keys = random.Next(2) == 0 }),
        < 900 => ("LeaseLeases", new LeaseLeasesRequest()),
        < 920 => ("LeaseKeepAlive", new LeaseKeepAliveRequest { ID = LeaseId() }),
        < 935 => ("HashKV", new HashKVRequest { Revision = Hashed() }),
        < 966 => ("Watch", new WatchRequest { CreateRequest = Watch() }),
        < 969 => ("Watch", new WatchRequest { ProgressRequest = new WatchProgressRequest() }),
        < 971 => ("Watch", new WatchRequest()),
        < 988 => ("Put", Put()),
        _ => ("Watch", new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = WatchId() } }),
    };

    /// <summary>A request whose answer has only one possible form: what a comparison of texts needs.</summary>
    public (string Rpc, IMessage Request) NextPlain() => random.Next(10) switch
    {
        < 3 => ("Put", Put()),
        < 6 => ("Range", Range(plain: true)),
        < 7 => ("DeleteRange", Delete()),
        < 9 => ("Txn", Txn(depth: 0)),
        _ => ("LeaseGrant", new LeaseGrantRequest { ID = LeaseId(), TTL = Ttl() }),
    };

    private PutRequest Put()
    {
        var put = new PutRequest { Key = Key(), PrevKv = random.Next(3) == 0 };
        if (random.Next(12) == 0)
            put.IgnoreValue = true;
        if (!put.IgnoreValue || random.Next(8) == 0)
            put.Value = Value();
        if (random.Next(12) == 0)
            put.IgnoreLease = true;
        if (put.IgnoreLease ? random.Next(8) == 0 : random.Next(5) == 0)
            put.Lease = LeaseId();
        return put;
    }

    private DeleteRangeRequest Delete() => new() { Key = Key(), RangeEnd = random.Next(4) == 0 ? RangeEnd() : ByteString.Empty, PrevKv = random.Next(2) == 0 };

    // A plain range is one whose answer has only one possible order.
    private RangeRequest Range(bool plain)
    {
        var range = new RangeRequest { Key = Key(), RangeEnd = RangeEnd(), KeysOnly = random.Next(4) == 0, CountOnly = random.Next(6) == 0 };
        if (random.Next(3) == 0)
            range.Revision = random.Next(40) == 0 ? -random.Next(1, 3) : Past();
        range.Serializable = random.Next(4) == 0;
        range.SortOrder = (RangeRequest.Types.SortOrder)random.Next(3);
        if (!plain && random.Next(3) == 0)
            range.SortTarget = (SortTarget)random.Next(1, 5);
        else
            range.Limit = random.Next(3) == 0 ? random.Next(-1, 6) : 0;
        if (random.Next(6) == 0)
            range.MinModRevision = Bound();
        if (random.Next(6) == 0)
            range.MaxModRevision = Bound();
        if (random.Next(6) == 0)
            range.MinCreateRevision = Bound();
        if (random.Next(6) == 0)
            range.MaxCreateRevision = Bound();
        return range;
    }

    /// <summary>In the order of the keys and without bounds on revisions: others are refused by the releases that know it (RangeAnswerTests).</summary>
    public RangeRequest RangeInPieces()
    {
        RangeRequest range = Range(plain: true);
        if (random.Next(4) == 0)
            range.RangeEnd = ByteString.CopyFrom(0);
        range.SortOrder = random.Next(2) == 0 ? RangeRequest.Types.SortOrder.None : RangeRequest.Types.SortOrder.Ascend;
        range.MinModRevision = range.MaxModRevision = range.MinCreateRevision = range.MaxCreateRevision = 0;
        return range;
    }

    private TxnRequest Txn(int depth)
    {
        var txn = new TxnRequest();
        txn.Compare.AddRange(Enumerable.Range(0, random.Next(3)).Select(_ => Compare()));
        txn.Success.AddRange(Enumerable.Range(0, random.Next(5)).Select(_ => Operation(depth)));
        txn.Failure.AddRange(Enumerable.Range(0, random.Next(4)).Select(_ => Operation(depth)));
        if (random.Next(300) == 0)
            txn.Success.Add(Enumerable.Range(0, random.Next(120, 135)).Select(i => new RequestOp { RequestRange = new RangeRequest { Key = ByteString.CopyFromUtf8($"{i}") } }));
        if (random.Next(200) == 0)
            txn.Failure.Add(new RequestOp());
        return txn;
    }

    private RequestOp Operation(int depth) => random.Next(depth < TxnDepthMax ? 20 : 18) switch
    {
        < 8 => new RequestOp { RequestPut = Put() },
        < 13 => new RequestOp { RequestRange = Range(plain: true) },
        < 18 => new RequestOp { RequestDeleteRange = DeleteInTxn() },
        _ => new RequestOp { RequestTxn = Txn(depth + 1) },
    };

    private DeleteRangeRequest DeleteInTxn()
    {
        var delete = Delete();
        if (delete.RangeEnd.Span is [0])
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

        // A value that belongs to another target, or none, counts as zero.
        if (random.Next(30) == 0)
            compare.Target = (Target)random.Next(5);
        return compare;
    }

    private WatchCreateRequest Watch()
    {
        var watch = new WatchCreateRequest
        {
            Key = Key(), RangeEnd = RangeEnd(), WatchId = WatchId(), PrevKv = random.Next(2) == 0, Fragment = random.Next(4) == 0,
            ProgressNotify = random.Next(8) == 0,
            StartRevision = random.Next(12) switch
            {
                < 3 => 0,
                3 => -random.Next(1, 4),
                _ => Past(),
            },
        };
        // A deletion in the compacted revision itself: EtcdNet may still know the pair before it, etcd does not.
        if (watch.PrevKv && watch.StartRevision == store.Compacted)
            watch.StartRevision++;
        // A number that is no filter filters nothing.
        while (random.Next(3) == 0)
            watch.Filters.Add((WatchCreateRequest.Types.FilterType)random.Next(random.Next(6) == 0 ? 5 : 2));
        return watch;
    }

    // Zero lets the server choose.
    private long WatchId() => random.Next(20) switch
    {
        0 => -random.Next(2, 5),
        < 4 => 0,
        _ => random.Next(1, WatchIds + 1),
    };

    /// <summary>Mostly one of 72 keys.</summary>
    public ByteString Key() => random.Next(200) == 0
        ? ByteString.Empty
        : ByteString.CopyFromUtf8(new string([.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => Letters[random.Next(Letters.Length)])]));

    /// <summary>The end of a range: none, no end at all, or a key that may lie before the first one.</summary>
    public ByteString RangeEnd() => random.Next(8) switch
    {
        < 3 => ByteString.Empty,
        3 => ByteString.CopyFrom(0),
        _ => Key(),
    };

    private ByteString Value()
    {
        var value = new byte[random.Next(4000) switch
        {
            // Larger than a request may be.
            0 => (1536 << 10) + random.Next(4096),
            < 60 => random.Next(20_000),
            _ => random.Next(3),
        }];
        random.NextBytes(value);
        return ByteString.CopyFrom(value);
    }

    private long Ttl() => random.Next(10) == 0 ? 9_000_000_001 : random.Next(3000, 90_000);

    private long LeaseId() => random.Next(1, 8);

    // Mostly a revision that is there, sometimes a compacted one or one to come.
    private long Past() => random.NextInt64(Math.Max(0, store.Compacted - 2), store.Revision + 3);

    private long Hashed() => random.NextInt64(Math.Max(0, store.Compacted - 2), store.Revision + 2);

    private long Bound() => random.Next(30) == 0 ? -1 : Past();
}
