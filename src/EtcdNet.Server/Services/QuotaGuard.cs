using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Storage.Disk;

namespace EtcdNet.Server.Services;

/// <summary>
/// Refuses what would make the store larger than its quota, before it is proposed, and asks for the NOSPACE alarm,
/// which then keeps every member from growing until it is disarmed (surface rule 34).
/// </summary>
internal sealed class QuotaGuard
{
    /// <summary>Quota when none is given, bytes.</summary>
    public const long DefaultBytes = 2L << 30;

    // etcd's estimate of what a key costs besides its bytes, and of a lease.
    private const int KeyOverheadBytes = 256;
    private const int LeaseBytes = 64;

    private readonly IBackend _backend;
    private readonly DiskSpaceGuard _space;
    private readonly Action _raiseAlarm;

    /// <param name="backend">Whose size counts.</param>
    /// <param name="space">Whose reserve must stay free.</param>
    /// <param name="quotaBytes"><c>--quota-backend-bytes</c>: 0 is the default, negative is no limit.</param>
    /// <param name="raiseAlarm">Proposes the NOSPACE alarm; called each time a write is refused.</param>
    public QuotaGuard(IBackend backend, DiskSpaceGuard space, long quotaBytes, Action raiseAlarm)
    {
        _backend = backend;
        _space = space;
        _raiseAlarm = raiseAlarm;
        QuotaBytes = quotaBytes == 0 ? DefaultBytes : quotaBytes;
    }

    /// <summary>Bytes the store may take; negative for no limit.</summary>
    public long QuotaBytes { get; }

    /// <exception cref="EtcdException">NoSpace.</exception>
    public void CheckPut(PutRequest request) => Check(CostOf(request));

    /// <exception cref="EtcdException">NoSpace, when the transaction could put something.</exception>
    public void CheckTxn(TxnRequest request)
    {
        long cost = CostOf(request);
        if (cost > 0)
            Check(cost);
    }

    /// <exception cref="EtcdException">NoSpace.</exception>
    public void CheckLeaseGrant() => Check(LeaseBytes);

    private static long CostOf(PutRequest request) => KeyOverheadBytes + request.Key.Length + request.Value.Length;

    private static long CostOf(TxnRequest request) => Math.Max(CostOf(request.Success), CostOf(request.Failure));

    private static long CostOf(IEnumerable<RequestOp> branch)
    {
        long cost = 0;
        foreach (RequestOp op in branch)
        {
            cost += op.RequestCase switch
            {
                RequestOp.RequestOneofCase.RequestPut => CostOf(op.RequestPut),
                RequestOp.RequestOneofCase.RequestTxn => CostOf(op.RequestTxn),
                _ => 0,
            };
        }
        return cost;
    }

    private void Check(long cost)
    {
        // Neither log nor store may ever meet a full disk, so its reserve counts like the quota.
        if ((QuotaBytes < 0 || _backend.SizeInBytes + cost <= QuotaBytes) && _space.HasRoom)
            return;
        _raiseAlarm();
        throw EtcdError.NoSpace.ToException();
    }
}
