using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.StateMachine.Txn;

/// <summary>
/// What can be said against a request without knowing the state, in etcd's order. The services ask before they propose
/// or read, so that a senseless request never reaches the log.
/// </summary>
public static class RequestChecks
{
    /// <summary>Default of <c>--max-txn-ops</c>.</summary>
    public const int DefaultMaxTxnOps = 128;

    /// <exception cref="EtcdException">EmptyKey, InvalidSortOption.</exception>
    public static void Check(RangeRequest request)
    {
        if (request.Key.IsEmpty)
            throw EtcdError.EmptyKey.ToException();
        if (!Enum.IsDefined(request.SortOrder) || !Enum.IsDefined(request.SortTarget))
            throw EtcdError.InvalidSortOption.ToException();
    }

    /// <exception cref="EtcdException">EmptyKey, ValueProvided, LeaseProvided.</exception>
    public static void Check(PutRequest request)
    {
        if (request.Key.IsEmpty)
            throw EtcdError.EmptyKey.ToException();
        if (request.IgnoreValue && !request.Value.IsEmpty)
            throw EtcdError.ValueProvided.ToException();
        if (request.IgnoreLease && request.Lease != 0)
            throw EtcdError.LeaseProvided.ToException();
    }

    /// <exception cref="EtcdException">EmptyKey.</exception>
    public static void Check(DeleteRangeRequest request)
    {
        if (request.Key.IsEmpty)
            throw EtcdError.EmptyKey.ToException();
    }

    /// <exception cref="EtcdException">TooManyOps, EmptyKey, KeyNotFound (an op with nothing in it), the errors of the ops, DuplicateKey.</exception>
    public static void Check(TxnRequest request, int maxTxnOps = DefaultMaxTxnOps)
    {
        CheckOps(request, maxTxnOps);
        TxnIntervals.Check(request.Success);
        TxnIntervals.Check(request.Failure);
    }

    /// <summary>True when no op of any branch writes.</summary>
    public static bool IsReadOnly(TxnRequest request) => request.Success.All(IsReadOnly) && request.Failure.All(IsReadOnly);

    /// <summary>True when every range of every branch may be answered from local state.</summary>
    public static bool IsSerializable(TxnRequest request) => request.Success.All(IsSerializable) && request.Failure.All(IsSerializable);

    /// <summary>True when any branch has a put, which needs space.</summary>
    public static bool HasPut(TxnRequest request) => request.Success.Any(HasPut) || request.Failure.Any(HasPut);

    private static bool IsReadOnly(RequestOp op) => op.RequestCase switch
    {
        RequestOp.RequestOneofCase.RequestRange => true,
        RequestOp.RequestOneofCase.RequestTxn => IsReadOnly(op.RequestTxn),
        _ => false,
    };

    private static bool IsSerializable(RequestOp op) => op.RequestCase switch
    {
        RequestOp.RequestOneofCase.RequestRange => op.RequestRange.Serializable,
        RequestOp.RequestOneofCase.RequestTxn => IsSerializable(op.RequestTxn),
        _ => false,
    };

    private static bool HasPut(RequestOp op) => op.RequestCase switch
    {
        RequestOp.RequestOneofCase.RequestPut => true,
        RequestOp.RequestOneofCase.RequestTxn => HasPut(op.RequestTxn),
        _ => false,
    };

    private static void CheckOps(TxnRequest request, int maxOps)
    {
        int ops = Math.Max(request.Compare.Count, Math.Max(request.Success.Count, request.Failure.Count));
        if (ops > maxOps)
            throw EtcdError.TooManyOps.ToException();
        foreach (Compare compare in request.Compare)
        {
            if (compare.Key.IsEmpty)
                throw EtcdError.EmptyKey.ToException();
        }
        foreach (RequestOp op in request.Success)
            CheckOp(op, maxOps - ops);
        foreach (RequestOp op in request.Failure)
            CheckOp(op, maxOps - ops);
    }

    private static void CheckOp(RequestOp op, int opsLeft)
    {
        switch (op.RequestCase)
        {
            case RequestOp.RequestOneofCase.RequestRange:
                Check(op.RequestRange);
                break;
            case RequestOp.RequestOneofCase.RequestPut:
                Check(op.RequestPut);
                break;
            case RequestOp.RequestOneofCase.RequestDeleteRange:
                Check(op.RequestDeleteRange);
                break;
            case RequestOp.RequestOneofCase.RequestTxn:
                CheckOps(op.RequestTxn, opsLeft);
                break;
            default:
                throw EtcdError.KeyNotFound.ToException();
        }
    }
}
