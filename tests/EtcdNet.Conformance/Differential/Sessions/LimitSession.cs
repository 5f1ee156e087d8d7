using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;
using SortOrder = EtcdNet.Protocol.Etcdserverpb.RangeRequest.Types.SortOrder;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>Requests at the limits and beyond: sizes, numbers of operations, nesting, numbers that name no choice, unions with nothing in them.</summary>
internal sealed class LimitSession(World world, int client) : Session(world, client)
{
    private const int RequestMax = 1536 << 10;

    /// <inheritdoc/>
    public override Task StepAsync() => Random.Next(24) switch
    {
        0 => CallAsync("Put", new PutRequest { Key = Bytes("limit"), Value = Zeros(RequestMax + AroundLimit()) }),
        1 => CallAsync("Put", new PutRequest { Key = Bytes("limit") }),
        2 => CallAsync("Put", new PutRequest { Key = Bytes("limit"), Value = Zeros(RequestMax + (512 << 10) + Random.Next(-40, 40)) }),
        3 => CallAsync("Put", new PutRequest { Key = Zeros(Random.Next(1, 70_000)) }),
        < 8 => CallAsync("Txn", Wide()),
        < 12 => CallAsync("Txn", Nested(Random.Next(1, 8))),
        < 15 => CallAsync("Txn", Odd()),
        < 18 => CallAsync("Range", new RangeRequest { Key = Bytes("a"), RangeEnd = Bytes("c"), SortOrder = (SortOrder)Random.Next(-1, 6) }),
        18 => CallAsync("Range", new RangeRequest { Key = Bytes("a"), RangeEnd = Zeros(1), Limit = OneOf(long.MaxValue, long.MinValue), Revision = OneOf(0, long.MaxValue, long.MinValue) }),
        19 => CallAsync("Compact", new CompactionRequest { Revision = OneOf(long.MaxValue, long.MinValue, -1) }),
        20 => CallAsync("Alarm", new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Get, Alarm = (AlarmType)Random.Next(7) }),
        21 => CallAsync("Downgrade", new DowngradeRequest { Action = (DowngradeRequest.Types.DowngradeAction)Random.Next(3, 6), Version = "3.4.0" }),
        _ => CallAsync("Txn", Random.Next(2) == 0 ? new TxnRequest() : new TxnRequest { Success = { new RequestOp() } }),
    };

    // The id that a server gives to a request counts too and has 8 to 10 bytes: of sizes in between it decides.
    private int AroundLimit()
    {
        int offset = Random.Next(-80, 80);
        return offset is -27 or -26 ? 0 : offset;
    }

    private static ByteString Zeros(int length) => ByteString.CopyFrom(new byte[length]);

    // 128 of each are allowed.
    private TxnRequest Wide()
    {
        var txn = new TxnRequest();
        txn.Compare.Add(Enumerable.Range(0, OneOf(0, 1, 127, 128, 129)).Select(static i => new Compare { Key = Bytes($"{i}") }));
        txn.Success.Add(Enumerable.Range(0, OneOf(0, 1, 127, 128, 129)).Select(static i => Read($"{i}")));
        txn.Failure.Add(Enumerable.Range(0, OneOf(0, 1, 127, 128, 129)).Select(static i => Read($"{i}")));
        return txn;
    }

    // Inner transactions have what the outer ones have left.
    private TxnRequest Nested(int depth)
    {
        var txn = new TxnRequest();
        int count = OneOf(1, 2, 20, 40, 64);
        txn.Success.Add(Enumerable.Range(0, count).Select(i => Read($"{depth}.{i}")));
        if (Random.Next(3) == 0)
            txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Bytes(OneOf("nested", $"nested{depth}")) } });
        if (Random.Next(6) == 0)
            txn.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Bytes("nested"), RangeEnd = Bytes(OneOf("", "nested9")) } });
        if (depth > 1)
            (Random.Next(4) == 0 ? txn.Failure : txn.Success).Add(new RequestOp { RequestTxn = Nested(depth - 1) });
        return txn;
    }

    private TxnRequest Odd()
    {
        var compare = new Compare { Key = Bytes("a"), Result = (Compare.Types.CompareResult)Random.Next(-1, 6), Target = (Compare.Types.CompareTarget)Random.Next(-1, 7) };
        if (Random.Next(2) == 0)
            compare.RangeEnd = Bytes("c");
        switch (Random.Next(4))
        {
            case 0: compare.Version = 1; break;
            case 1: compare.Value = Bytes("x"); break;
            case 2: compare.Lease = 1; break;
        }

        return new TxnRequest { Compare = { compare }, Success = { Read("a") }, Failure = { Read("b") } };
    }

    private static RequestOp Read(string key) => new() { RequestRange = new RangeRequest { Key = Bytes(key) } };
}
