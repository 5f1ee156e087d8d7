using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;

namespace EtcdNet.Model.Naive;

/// <summary>What etcd says against a request without looking at the state.</summary>
internal static class NaiveChecks
{
    private const int TxnOpsMax = 128;

    internal static void Check(RangeRequest range)
    {
        if (range.Key.IsEmpty)
            throw EtcdError.EmptyKey.ToException();
        if ((int)range.SortOrder is < 0 or > 2 || (int)range.SortTarget is < 0 or > 4)
            throw EtcdError.InvalidSortOption.ToException();
    }

    internal static void Check(PutRequest put)
    {
        if (put.Key.IsEmpty)
            throw EtcdError.EmptyKey.ToException();
        if (put.IgnoreValue && !put.Value.IsEmpty)
            throw EtcdError.ValueProvided.ToException();
        if (put.IgnoreLease && put.Lease != 0)
            throw EtcdError.LeaseProvided.ToException();
    }

    internal static void Check(DeleteRangeRequest delete)
    {
        if (delete.Key.IsEmpty)
            throw EtcdError.EmptyKey.ToException();
    }

    internal static void Check(TxnRequest txn)
    {
        Check(txn, TxnOpsMax);
        Writes(txn.Success);
        Writes(txn.Failure);
    }

    private static void Check(TxnRequest txn, int opsLeft)
    {
        int ops = new[] { txn.Compare.Count, txn.Success.Count, txn.Failure.Count }.Max();
        if (ops > opsLeft)
            throw EtcdError.TooManyOps.ToException();
        if (txn.Compare.Any(static compare => compare.Key.IsEmpty))
            throw EtcdError.EmptyKey.ToException();
        foreach (RequestOp op in txn.Success.Concat(txn.Failure))
        {
            if (op.RequestPut is not null)
                Check(op.RequestPut);
            else if (op.RequestRange is not null)
                Check(op.RequestRange);
            else if (op.RequestDeleteRange is not null)
                Check(op.RequestDeleteRange);
            else if (op.RequestTxn is not null)
                Check(op.RequestTxn, opsLeft - ops);
            else
                throw EtcdError.KeyNotFound.ToException();
        }
    }

    // No key may be put twice, nor put and deleted, in what can run together. etcd's two blind spots are kept: it looks at nested transactions in
    // order, before the puts beside them, and a deletion without an end covers nothing.
    private static (HashSet<ByteString> Puts, List<DeleteRangeRequest> Deletes) Writes(IReadOnlyCollection<RequestOp> branch)
    {
        var puts = new HashSet<ByteString>();
        List<DeleteRangeRequest> deletes = [.. branch.Where(static op => op.RequestDeleteRange is not null).Select(static op => op.RequestDeleteRange)];
        foreach (RequestOp op in branch.Where(static op => op.RequestTxn is not null))
        {
            var (success, failure) = (Writes(op.RequestTxn.Success), Writes(op.RequestTxn.Failure));
            // The two branches never run together.
            foreach (ByteString key in success.Puts.Union(failure.Puts))
                Add(key, puts, deletes);
            deletes.AddRange([.. success.Deletes, .. failure.Deletes]);
        }
        foreach (RequestOp op in branch.Where(static op => op.RequestPut is not null))
            Add(op.RequestPut.Key, puts, deletes);
        return (puts, deletes);
    }

    private static void Add(ByteString key, HashSet<ByteString> puts, List<DeleteRangeRequest> deletes)
    {
        bool deleted = deletes.Any(delete => delete.RangeEnd.Span is not [0] && KeyOrder.Contains(delete.Key, delete.RangeEnd, key));
        if (!puts.Add(key) || deleted)
            throw EtcdError.DuplicateKey.ToException();
    }
}
