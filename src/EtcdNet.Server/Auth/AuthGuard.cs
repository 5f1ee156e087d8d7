using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Leasing;
using EtcdNet.Server.Services;
using EtcdNet.Server.Watching;
using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Leases;
using EtcdNet.StateMachine.Watch;
using Google.Protobuf;

namespace EtcdNet.Server.Auth;

/// <summary>
/// Finds out who calls and whether they may (surface 7.6). Reads are judged here; writes are only given the caller's name, and judged
/// when they are applied, by every member alike.
/// </summary>
/// <param name="store">Users, roles and permissions.</param>
/// <param name="leases">The keys that hang on leases.</param>
/// <param name="tokens">What tokens mean.</param>
public sealed class AuthGuard(AuthStore store, LeaseStore leases, ITokenProvider tokens) : ILeaseGuard, IWatchGuard
{
    /// <summary>How often something is judged when users change under it each time.</summary>
    private const int TurnsMax = 5;

    /// <summary>Requests need a user. While they do not, nothing here has to be asked.</summary>
    public bool IsOn => store.View.Enabled;

    /// <summary>
    /// A read that was made without asking here needed no rights: true only when nobody needs any now, and the keys are not those of another
    /// state. To be asked after the read.
    /// </summary>
    public bool NobodyNeedsRights => !store.IsBeingReplaced && !store.View.Enabled;

    /// <summary>Who calls; nobody when authentication is off or no token was sent.</summary>
    /// <exception cref="EtcdException">InvalidAuthToken, or the member cannot find out.</exception>
    public async ValueTask<Caller> IdentifyAsync(CallContext call) => (await AdmitAsync(call).ConfigureAwait(false)).Caller;

    /// <summary>Demands any user.</summary>
    /// <exception cref="EtcdException">UserEmpty, InvalidAuthToken.</exception>
    public async ValueTask RequireUserAsync(CallContext call)
    {
        if (IsOn)
            (await AdmitAsync(call).ConfigureAwait(false)).RequireUser();
    }

    /// <summary>Demands a user with the role root.</summary>
    /// <exception cref="EtcdException">UserEmpty, InvalidAuthToken, UserNotFound, PermissionDenied.</exception>
    public async ValueTask RequireAdminAsync(CallContext call)
    {
        if (!IsOn)
            return;
        Admission admission = await AdmitAsync(call).ConfigureAwait(false);
        admission.Auth.CheckAdmin(admission.Caller);
    }

    /// <summary>Demands the right to read a range. What is read then must not be sent before <see cref="Holds"/> was asked.</summary>
    /// <exception cref="EtcdException">UserEmpty, InvalidAuthToken, AuthOldRevision, PermissionDenied.</exception>
    public async ValueTask<Admission> AdmitAsync(RangeRequest request, CallContext call)
    {
        Admission admission = await AdmitAsync(call).ConfigureAwait(false);
        admission.Auth.CheckRead(admission.Caller, request.Key.Span, request.RangeEnd.Span);
        return admission;
    }

    /// <summary>As <see cref="AdmitAsync(RangeRequest, CallContext)"/>, for a transaction that only reads.</summary>
    /// <exception cref="EtcdException">UserEmpty, InvalidAuthToken, AuthOldRevision, PermissionDenied.</exception>
    public async ValueTask<Admission> AdmitAsync(TxnRequest request, CallContext call)
    {
        Admission admission = await AdmitAsync(call).ConfigureAwait(false);
        RequestPermissions.Check(admission.Auth, admission.Caller, leases, request);
        return admission;
    }

    /// <summary>
    /// After a read: whether what it was admitted by still holds. If not, it may have seen what it should not: it has to be admitted and made
    /// once more. (etcd refuses it with AuthOldRevision, whoever was changed.)
    /// </summary>
    /// <param name="admission">What it was admitted by.</param>
    /// <param name="turn">How often it was made.</param>
    /// <param name="call">Who waits for it.</param>
    /// <exception cref="EtcdException">AuthOldRevision: the token is of another revision, or users change all the time.</exception>
    /// <exception cref="OperationCanceledException">Once more would be for nobody.</exception>
    public bool Holds(Admission admission, int turn, CallContext call)
    {
        if (IsReplaced(admission.Auth))
        {
            call.Cancellation.ThrowIfCancellationRequested();
            return turn < TurnsMax ? false : throw EtcdError.AuthOldRevision.ToException();
        }
        // A web token may be of a revision that this member has not reached.
        if (admission.Auth.Enabled && !admission.Caller.IsNobody && admission.Caller.Revision != admission.Auth.Revision)
            throw EtcdError.AuthOldRevision.ToException();
        return true;
    }

    /// <summary>Proposes a request in the name of the caller, who must be somebody: what nobody asks for would fill the log only to be refused.</summary>
    /// <exception cref="EtcdException">UserEmpty, RequestTooLarge, InvalidAuthToken, or what proposals throw.</exception>
    public ValueTask<IMessage> ProposeAsync(IProposer proposer, InternalRaftRequest request, CallContext call, CancellationToken cancellation)
    {
        return IsOn ? StampedAsync() : proposer.ProposeAsync(request, call, cancellation);

        async ValueTask<IMessage> StampedAsync()
        {
            (AuthView auth, Caller caller) = await AdmitAsync(call).ConfigureAwait(false);
            if (caller.IsNobody && auth.Enabled)
            {
                // etcd judges the size when it proposes, and the user when it applies.
                request.Header = new RequestHeader { ID = ulong.MaxValue };
                throw (request.CalculateSize() > proposer.RequestBytesMax ? EtcdError.RequestTooLarge : EtcdError.UserEmpty).ToException();
            }
            if (!caller.IsNobody)
                request.Header = new RequestHeader { Username = caller.Name, AuthRevision = caller.Revision };
            return await proposer.ProposeAsync(request, call, cancellation).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask StampAsync(CallContext context, InternalRaftRequest request)
    {
        if (!IsOn)
            return;
        Admission admission = await AdmitAsync(context).ConfigureAwait(false);
        admission.RequireUser();
        if (!admission.Caller.IsNobody)
            request.Header = new RequestHeader { Username = admission.Caller.Name, AuthRevision = admission.Caller.Revision };
    }

    /// <inheritdoc/>
    public async ValueTask CheckAsync(CallContext context, LeaseAccess access, IEnumerable<ReadOnlyMemory<byte>> keys)
    {
        if (!IsOn)
            return;
        Admission admission;
        int turn = 0;
        do
        {
            admission = await AdmitAsync(context).ConfigureAwait(false);
            admission.RequireUser();
            if (!admission.Auth.IsAdmin(admission.Caller))
                Check(admission, access, keys);
        }
        while (!Holds(admission, ++turn, context));
    }

    /// <inheritdoc/>
    public async ValueTask CheckAsync(CallContext context, WatchRange range)
    {
        if (!IsOn)
            return;
        Admission admission;
        int turn = 0;
        do
        {
            admission = await AdmitAsync(context).ConfigureAwait(false);
            admission.Auth.CheckRead(admission.Caller, range.Key.Span, range.RangeEnd.Span);
        }
        while (!Holds(admission, ++turn, context));
    }

    private static void Check(Admission admission, LeaseAccess access, IEnumerable<ReadOnlyMemory<byte>> keys)
    {
        foreach (ReadOnlyMemory<byte> key in keys)
        {
            if (access == LeaseAccess.Write)
                admission.Auth.CheckWrite(admission.Caller, key.Span, default);
            else
                admission.Auth.CheckRead(admission.Caller, key.Span, default);
        }
    }

    /// <summary>Who calls, and the users as they are then: a token may have to be waited for, and its user be younger than what was known before.</summary>
    /// <exception cref="EtcdException">InvalidAuthToken; AuthOldRevision when users change all the time.</exception>
    private async ValueTask<Admission> AdmitAsync(CallContext call)
    {
        for (int turn = 1; turn <= TurnsMax; turn++)
        {
            AuthView auth = store.View;
            if (!auth.Enabled || call.Token is not { } token)
                return new Admission(auth, Caller.Nobody);
            Caller? caller = await tokens.IdentifyAsync(token, auth.Revision, call.Cancellation).ConfigureAwait(false);
            if (ReferenceEquals(store.View, auth))
                return new Admission(auth, caller ?? throw EtcdError.InvalidAuthToken.ToException());
        }
        throw EtcdError.AuthOldRevision.ToException();
    }

    // What is asked first matters: see IsBeingReplaced.
    private bool IsReplaced(AuthView auth)
    {
        if (store.IsBeingReplaced)
            return true;
        AuthView now = store.View;
        return !ReferenceEquals(now, auth) && (now.Enabled || auth.Enabled);
    }
}
