using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.V3lockpb;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;

namespace EtcdNet.Server.Locking;

/// <summary>
/// v3lockpb.Lock: a lock is a <see cref="WaitingLine"/>, and who is in front holds it for as long as its key exists. A caller
/// that has its own lease keeps it alive itself; one without gets a lease of 60 seconds.
/// </summary>
public sealed class LockService
{
    private readonly KvService _kv;
    private readonly IHeaderSource _headers;
    private readonly WaitingLine _line;

    internal LockService(KvService kv, IHeaderSource headers, WaitingLine line)
    {
        _kv = kv;
        _headers = headers;
        _line = line;
    }

    /// <summary>Waits for the lock; the answer's key is what <see cref="UnlockAsync"/> takes. Who asks again with the same lease holds it already.</summary>
    /// <exception cref="EtcdException">
    /// Unknown: the lease does not exist (LeaseNotFound's text), or it ended while waiting (<c>mutex: session is expired</c>).
    /// However the wait fails, the caller's place is given up, unless another call with its lease stands there.
    /// </exception>
    /// <exception cref="OperationCanceledException">The caller left or its deadline passed.</exception>
    public async ValueTask<LockResponse> LockAsync(LockRequest request, CallContext call)
    {
        try
        {
            return await _line.StandAsync(request.Name, request.Lease, ByteString.Empty, call, HoldAsync, keeps: static _ => false).ConfigureAwait(false);
        }
        catch (EtcdException error)
        {
            throw WaitingLine.ForCaller(error);
        }

        async ValueTask<LockResponse> HoldAsync(Place place)
        {
            long revision = place.ReadRevision;
            if (place.Owner is { } owner && owner.CreateRevision != place.Revision)
            {
                revision = await _line.WaitForTurnAsync(request.Name, place, call).ConfigureAwait(false)
                    ?? throw new EtcdException(GrpcStatus.Unknown, "mutex: session is expired");
            }
            return new LockResponse { Header = _headers.Header(revision), Key = place.Key };
        }
    }

    /// <summary>Gives a lock up, or a place in its line; a key that does not exist is no error.</summary>
    /// <exception cref="EtcdException">Unknown with EmptyKey's text, or those of every write.</exception>
    public async ValueTask<UnlockResponse> UnlockAsync(UnlockRequest request, CallContext call)
    {
        try
        {
            DeleteRangeResponse deleted = await _kv.DeleteRangeAsync(new DeleteRangeRequest { Key = request.Key }, call).ConfigureAwait(false);
            return new UnlockResponse { Header = deleted.Header };
        }
        catch (EtcdException error)
        {
            throw WaitingLine.ForCaller(error);
        }
    }
}
