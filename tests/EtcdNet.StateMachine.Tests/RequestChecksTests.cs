using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Txn;

namespace EtcdNet.StateMachine.Tests;

/// <summary>Rules 13 to 15: what is refused before it is proposed.</summary>
public sealed class RequestChecksTests
{
    [Fact]
    public void Single_requests()
    {
        Refused(EtcdError.EmptyKey, () => RequestChecks.Check(new RangeRequest()));
        Refused(EtcdError.EmptyKey, () => RequestChecks.Check(new DeleteRangeRequest()));
        Refused(EtcdError.EmptyKey, () => RequestChecks.Check(new PutRequest { IgnoreLease = true, Lease = 1 }));
        Refused(EtcdError.InvalidSortOption, () => RequestChecks.Check(new RangeRequest { Key = Machine.Bytes("a"), SortTarget = (RangeRequest.Types.SortTarget)9 }));
        Refused(EtcdError.InvalidSortOption, () => RequestChecks.Check(new RangeRequest { Key = Machine.Bytes("a"), SortOrder = (RangeRequest.Types.SortOrder)(-1) }));
        Refused(EtcdError.ValueProvided, () => RequestChecks.Check(new PutRequest { Key = Machine.Bytes("a"), Value = Machine.Bytes("x"), IgnoreValue = true }));
        Refused(EtcdError.LeaseProvided, () => RequestChecks.Check(new PutRequest { Key = Machine.Bytes("a"), Lease = 1, IgnoreLease = true }));
    }

    [Fact]
    public void Too_many_operations()
    {
        RequestOp[] ops = [.. Enumerable.Range(0, 129).Select(i => Op.Get($"{i}"))];
        Refused(EtcdError.TooManyOps, () => RequestChecks.Check(Op.Txn(then: ops)));
        RequestChecks.Check(Op.Txn(then: ops[..128]));
        Refused(EtcdError.TooManyOps, () => RequestChecks.Check(Op.Txn(otherwise: ops)));
        // What the parent uses is missing to its children.
        Refused(EtcdError.TooManyOps, () => RequestChecks.Check(Op.Txn(then: [Op.Nested(Op.Txn(then: ops[..128]))])));
        RequestChecks.Check(Op.Txn(then: [Op.Nested(Op.Txn(then: ops[..127]))]));
    }

    [Fact]
    public void Empty_operations_and_keys()
    {
        Refused(EtcdError.KeyNotFound, () => RequestChecks.Check(Op.Txn(then: [new RequestOp()])));
        Refused(EtcdError.EmptyKey, () => RequestChecks.Check(Op.Txn([new Compare()])));
        Refused(EtcdError.EmptyKey, () => RequestChecks.Check(Op.Txn(otherwise: [Op.Nested(Op.Txn(then: [Op.Put("")]))])));
    }

    [Fact]
    public void Keys_written_twice()
    {
        RequestOp put = Op.Put("b");
        Duplicate(put, put);
        Duplicate(put, Op.Delete("b"));
        Duplicate(Op.Delete("a", "c"), put);
        Duplicate(put, Op.Nested(Op.Txn(then: [put])));
        Duplicate(put, Op.Nested(Op.Txn(otherwise: [put])));
        Duplicate(Op.Nested(Op.Txn(then: [put])), Op.Nested(Op.Txn(otherwise: [put])));
        Duplicate(Op.Delete("a", "c"), Op.Nested(Op.Txn(then: [Op.Nested(Op.Txn(otherwise: [put]))])));
        RequestChecks.Check(Op.Txn(then: [put], otherwise: [put]));
        RequestChecks.Check(Op.Txn(then: [Op.Nested(Op.Txn(then: [put], otherwise: [put]))]));
        RequestChecks.Check(Op.Txn(then: [Op.Delete("a", "c"), Op.Delete("b", "d")]));
        RequestChecks.Check(Op.Txn(then: [put, Op.Delete("a", "b"), Op.Delete("c")]));
    }

    private static void Duplicate(params RequestOp[] ops)
    {
        Refused(EtcdError.DuplicateKey, () => RequestChecks.Check(Op.Txn(then: ops)));
        Refused(EtcdError.DuplicateKey, () => RequestChecks.Check(Op.Txn(otherwise: ops)));
    }

    private static void Refused(EtcdError expected, Action check)
    {
        EtcdException error = Assert.Throws<EtcdException>(check);
        Assert.Equal((expected.Code, expected.Message), (error.Code, error.Message));
    }
}
