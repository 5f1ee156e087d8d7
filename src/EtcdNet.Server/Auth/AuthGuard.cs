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
    /// <summary>Requests need a user. While they do not, nothing here has to be asked.</summary>
    public bool IsOn => store.View.Enabled;

    /// <summary>Who calls; nobody when authentication is off or no token was sent.</summary>
    /// <exception cref="EtcdException">InvalidAuthToken, or the member cannot find out.</exception>
    public ValueTask<Caller> IdentifyAsync(CallContext call) => IdentifyAsync(store.View, call);

    /// <summary>Demands any user.</summary>
    /// <exception cref="EtcdException">UserEmpty, InvalidAuthToken.</exception>
    public async ValueTask RequireUserAsync(CallContext call)
    {
        if (IsOn && (await IdentifyAsync(call).ConfigureAwait(false)).IsNobody)
            throw EtcdError.UserEmpty.ToException();
    }

    /// <summary>Demands a user with the role root.</summary>
    /// <exception cref="EtcdException">UserEmpty, InvalidAuthToken, UserNotFound, PermissionDenied.</exception>
    public async ValueTask RequireAdminAsync(CallContext call)
    {
        if (!IsOn)
            return;
        Caller caller = await IdentifyAsync(call).ConfigureAwait(false);
        store.View.CheckAdmin(caller);
    }

    /// <summary>Demands the right to read a range. What is read then must not be sent before <see cref="Holds"/> was asked.</summary>
    /// <exception cref="EtcdException">UserEmpty, InvalidAuthToken, AuthOldRevision, PermissionDenied.</exception>
    public async ValueTask<Admission> AdmitAsync(RangeRequest request, CallContext call)
    {
        AuthView auth = store.View;
        Caller caller = await IdentifyAsync(auth, call).ConfigureAwait(false);
        auth.CheckRead(caller, request.Key.Span, request.RangeEnd.Span);
        return new Admission(auth, caller);
    }

    /// <summary>As <see cref="AdmitAsync(RangeRequest, CallContext)"/>, for a transaction that only reads.</summary>
    /// <exception cref="EtcdException">UserEmpty, InvalidAuthToken, AuthOldRevision, PermissionDenied.</exception>
    public async ValueTask<Admission> AdmitAsync(TxnRequest request, CallContext call)
    {
        AuthView auth = store.View;
        Caller caller = await IdentifyAsync(auth, call).ConfigureAwait(false);
        RequestPermissions.Check(auth, caller, leases, request);
        return new Admission(auth, caller);
    }

    /// <summary>
    /// After a read: whether what it was admitted by still holds. If not, it may have seen what it should not: it has to be admitted and made
    /// again, which takes as many turns as users are changed meanwhile. (etcd refuses it with AuthOldRevision, whoever was changed.)
    /// </summary>
    /// <exception cref="EtcdException">AuthOldRevision: the token is of another revision, whatever is tried.</exception>
    public bool Holds(Admission admission)
    {
        if (IsReplaced(admission.Auth))
            return false;
        // A web token may be of a revision that this member has not reached.
        if (admission.Auth.Enabled && admission.Caller.Revision != 0 && admission.Caller.Revision != admission.Auth.Revision)
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
            Caller caller = await IdentifyAsync(call).ConfigureAwait(false);
            if (caller.IsNobody && IsOn)
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
        Caller caller = await IdentifyAsync(context).ConfigureAwait(false);
        if (caller.IsNobody)
            throw EtcdError.UserEmpty.ToException();
        request.Header = new RequestHeader { Username = caller.Name, AuthRevision = caller.Revision };
    }

    /// <inheritdoc/>
    public async ValueTask CheckAsync(CallContext context, LeaseAccess access, IEnumerable<ReadOnlyMemory<byte>> keys)
    {
        AuthView auth;
        do
        {
            auth = store.View;
            if (!auth.Enabled)
                return;
            Caller caller = await IdentifyAsync(auth, context).ConfigureAwait(false);
            if (caller.IsNobody)
                throw EtcdError.UserEmpty.ToException();
            if (auth.IsAdmin(caller))
                return;
            foreach (ReadOnlyMemory<byte> key in keys)
            {
                if (access == LeaseAccess.Write)
                    auth.CheckWrite(caller, key.Span, default);
                else
                    auth.CheckRead(caller, key.Span, default);
            }
        }
        while (IsReplaced(auth));
    }

    /// <inheritdoc/>
    public async ValueTask CheckAsync(CallContext context, WatchRange range)
    {
        AuthView auth;
        do
        {
            auth = store.View;
            Caller caller = await IdentifyAsync(auth, context).ConfigureAwait(false);
            auth.CheckRead(caller, range.Key.Span, range.RangeEnd.Span);
        }
        while (IsReplaced(auth));
    }

    private async ValueTask<Caller> IdentifyAsync(AuthView auth, CallContext call)
    {
        if (!auth.Enabled || call.Token is not { } token)
            return Caller.Nobody;
        return await tokens.IdentifyAsync(token, auth.Revision, call.Cancellation).ConfigureAwait(false)
            ?? throw EtcdError.InvalidAuthToken.ToException();
    }

    private bool IsReplaced(AuthView auth) => store.View is { Enabled: true } now && (!auth.Enabled || now.Revision != auth.Revision);
}
