using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Leases;
using Google.Protobuf.Collections;

namespace EtcdNet.StateMachine.Auth;

/// <summary>
/// Which right each request needs (surface rule 45). Writes are judged when they are applied, so that every member judges with
/// the users and permissions of the same moment; reads are judged by the services, with the same rules.
/// </summary>
public static class RequestPermissions
{
    /// <summary>True for requests of the log that only somebody with the role root may make.</summary>
    public static bool NeedAdmin(InternalRaftRequest request) =>
        request.AuthEnable is not null || request.AuthDisable is not null || request.AuthStatus is not null
        || request.AuthUserAdd is not null || request.AuthUserDelete is not null || request.AuthUserChangePassword is not null
        || request.AuthUserGrantRole is not null || request.AuthUserRevokeRole is not null || request.AuthUserList is not null
        || request.AuthRoleAdd is not null || request.AuthRoleDelete is not null || request.AuthRoleList is not null
        || request.AuthRoleGrantPermission is not null || request.AuthRoleRevokePermission is not null;

    /// <summary>Judges a request of the log that touches keys; any other passes.</summary>
    /// <exception cref="EtcdException">UserEmpty, AuthOldRevision, PermissionDenied.</exception>
    public static void Check(AuthView auth, Caller caller, LeaseStore leases, InternalRaftRequest request)
    {
        if (!auth.Enabled)
            return;
        if (request.Put is not null)
            Check(auth, caller, leases, request.Put);
        else if (request.Txn is not null)
            Check(auth, caller, leases, request.Txn);
        else if (request.DeleteRange is not null)
            Check(auth, caller, request.DeleteRange);
        else if (request.Range is not null)
            auth.CheckRead(caller, request.Range.Key.Span, request.Range.RangeEnd.Span);
        else if (request.LeaseRevoke is not null)
            CheckLease(auth, caller, leases, request.LeaseRevoke.ID);
    }

    /// <summary>Judges a transaction: every compare and every operation of both branches, nested ones too, whichever will be taken.</summary>
    /// <exception cref="EtcdException">UserEmpty, AuthOldRevision, PermissionDenied.</exception>
    public static void Check(AuthView auth, Caller caller, LeaseStore leases, TxnRequest request)
    {
        foreach (Compare compare in request.Compare)
            auth.CheckRead(caller, compare.Key.Span, compare.RangeEnd.Span);
        CheckAll(auth, caller, leases, request.Success);
        CheckAll(auth, caller, leases, request.Failure);
    }

    private static void CheckAll(AuthView auth, Caller caller, LeaseStore leases, RepeatedField<RequestOp> operations)
    {
        foreach (RequestOp operation in operations)
        {
            switch (operation.RequestCase)
            {
                case RequestOp.RequestOneofCase.RequestRange:
                    auth.CheckRead(caller, operation.RequestRange.Key.Span, operation.RequestRange.RangeEnd.Span);
                    break;
                case RequestOp.RequestOneofCase.RequestPut:
                    Check(auth, caller, leases, operation.RequestPut);
                    break;
                case RequestOp.RequestOneofCase.RequestDeleteRange:
                    Check(auth, caller, operation.RequestDeleteRange);
                    break;
                case RequestOp.RequestOneofCase.RequestTxn:
                    Check(auth, caller, leases, operation.RequestTxn);
                    break;
                case RequestOp.RequestOneofCase.None:
                    break; // refused by the checks of the request itself
            }
        }
    }

    private static void Check(AuthView auth, Caller caller, LeaseStore leases, PutRequest request)
    {
        auth.CheckWrite(caller, request.Key.Span, default);
        CheckLease(auth, caller, leases, request.Lease);
        if (request.PrevKv)
            auth.CheckRead(caller, request.Key.Span, default);
    }

    private static void Check(AuthView auth, Caller caller, DeleteRangeRequest request)
    {
        auth.CheckWrite(caller, request.Key.Span, request.RangeEnd.Span);
        if (request.PrevKv)
            auth.CheckRead(caller, request.Key.Span, request.RangeEnd.Span);
    }

    /// <summary>Who ends a lease deletes its keys, and who hangs a key on it could end it: both need the right to write them all.</summary>
    private static void CheckLease(AuthView auth, Caller caller, LeaseStore leases, long id)
    {
        if (id == 0 || auth.IsAdmin(caller))
            return;
        foreach (ReadOnlyMemory<byte> key in leases.KeysOf(id))
            auth.CheckWrite(caller, key.Span, default);
    }
}
