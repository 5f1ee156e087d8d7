using EtcdNet.Protocol.Etcdserverpb;

namespace EtcdNet.StateMachine.Tests;

/// <summary>Short forms of transaction parts.</summary>
internal static class Op
{
    public static RequestOp Put(string key, string value = "", long lease = 0, bool prev = false) =>
        new() { RequestPut = new PutRequest { Key = Machine.Bytes(key), Value = Machine.Bytes(value), Lease = lease, PrevKv = prev } };

    public static RequestOp Delete(string key, string end = "", bool prev = false) =>
        new() { RequestDeleteRange = new DeleteRangeRequest { Key = Machine.Bytes(key), RangeEnd = Machine.Bytes(end), PrevKv = prev } };

    public static RequestOp Get(string key, string end = "", long revision = 0, bool serializable = false) =>
        new()
        {
            RequestRange = new RangeRequest
            {
                Key = Machine.Bytes(key), RangeEnd = Machine.Bytes(end), Revision = revision, Serializable = serializable,
            },
        };

    public static RequestOp Nested(TxnRequest txn) => new() { RequestTxn = txn };

    public static TxnRequest Txn(IEnumerable<Compare>? when = null, RequestOp[]? then = null, RequestOp[]? otherwise = null)
    {
        var txn = new TxnRequest();
        txn.Compare.AddRange(when ?? []);
        txn.Success.AddRange(then ?? []);
        txn.Failure.AddRange(otherwise ?? []);
        return txn;
    }

    public static Compare When(
        string key, Compare.Types.CompareTarget target, string sign, long number = 0, string? value = null, string end = "")
    {
        var compare = new Compare
        {
            Key = Machine.Bytes(key), RangeEnd = Machine.Bytes(end), Target = target,
            Result = sign switch
            {
                "=" => Compare.Types.CompareResult.Equal,
                "!=" => Compare.Types.CompareResult.NotEqual,
                ">" => Compare.Types.CompareResult.Greater,
                _ => Compare.Types.CompareResult.Less,
            },
        };
        switch (target)
        {
            case Compare.Types.CompareTarget.Version: compare.Version = number; break;
            case Compare.Types.CompareTarget.Create: compare.CreateRevision = number; break;
            case Compare.Types.CompareTarget.Mod: compare.ModRevision = number; break;
            case Compare.Types.CompareTarget.Lease: compare.Lease = number; break;
            default: compare.Value = Machine.Bytes(value ?? ""); break;
        }
        return compare;
    }
}
