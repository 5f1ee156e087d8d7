using System.Globalization;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;

namespace EtcdNet.Server.Locking;

/// <summary>
/// The recipe of locks and elections (surface 1.4), on the services of this very server: everybody who waits has a key under
/// the name of the line, held by a lease; the key that was created first is in front. A waiter watches only the key right
/// before its own, so the end of one wakes one. The calls carry the caller's identity, so its rights are judged as always.
/// </summary>
/// <remarks>
/// Safer than etcd in four places: whoever loses its key while it waits hears so at once and never becomes the first;
/// the key must be the same one at the end (create revision), not only have the same name; a compaction that overtakes the
/// watch makes the waiter look again instead of failing; a call that is given up leaves the place to others that stand there with its lease.
/// </remarks>
internal sealed class WaitingLine(KvService kv, WatchService watch, LeaseService leases)
{
    // A session without a lease of its own gets one that nobody keeps alive.
    private const long SessionSeconds = 60;

    private const int LeaveAttempts = 3;

    private readonly Standings _standings = new();

    /// <summary>The lease of a session: the client's, or a new one.</summary>
    public async ValueTask<long> LeaseAsync(long lease, CallContext call)
    {
        if (lease != 0)
            return lease;
        LeaseGrantResponse granted = await leases.LeaseGrantAsync(new LeaseGrantRequest { TTL = SessionSeconds }, call).ConfigureAwait(false);
        return granted.ID;
    }

    /// <summary>Takes a place, or finds the one that the lease has already, and stands there while something is done.</summary>
    /// <param name="name">The line.</param>
    /// <param name="lease">Lease of the caller, or 0.</param>
    /// <param name="value">Value of the key.</param>
    /// <param name="call">The caller.</param>
    /// <param name="wait">Succeeds when the caller is in front.</param>
    /// <param name="keeps">When that failed: whether the place is kept all the same. It is given up else, unless another call here stands at it or was told that it holds it.</param>
    /// <exception cref="EtcdException">LeaseNotFound, what transactions throw, and what <paramref name="wait"/> does.</exception>
    public async ValueTask<T> StandAsync<T>(
        ByteString name, long lease, ByteString value, CallContext call, Func<Place, ValueTask<T>> wait, Func<Place, bool> keeps)
    {
        lease = await LeaseAsync(lease, call).ConfigureAwait(false);
        ByteString key = ByteString.CopyFrom([.. name.Span, (byte)'/', .. System.Text.Encoding.ASCII.GetBytes(Hex(lease))]);
        Place place = await JoinAsync(name, key, lease, value, call).ConfigureAwait(false);
        bool holds = false;
        try
        {
            T answer = await wait(place).ConfigureAwait(false);
            holds = true;
            return answer;
        }
        finally
        {
            if (_standings.Leave(key, place.Revision, holds) && !holds && !keeps(place))
                await LeaveAsync(place, call).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until every key that was created before a place is gone.</summary>
    /// <returns>A revision at which the place was in front; null when it is lost.</returns>
    /// <exception cref="OperationCanceledException">The caller is gone.</exception>
    public async ValueTask<long?> WaitForTurnAsync(ByteString name, Place place, CallContext call)
    {
        RangeRequest before = Line(name);
        before.SortOrder = RangeRequest.Types.SortOrder.Descend;
        before.MaxCreateRevision = place.Revision - 1;
        while (true)
        {
            RangeResponse answer = await kv.RangeAsync(before, call).ConfigureAwait(false);
            if (answer.Kvs.Count == 0)
                return await StandsAsync(place, call).ConfigureAwait(false);
            ByteString[] keys = [answer.Kvs[0].Key, place.Key];
            // The own key may have gone before this read: what is watched from here on would not tell.
            if (await StandsAsync(place, call).ConfigureAwait(false) is null)
                return null;
            if (await FirstDeletedAsync(keys, answer.Header.Revision + 1, call).ConfigureAwait(false) == place.Key)
                return null;
        }
    }

    /// <summary>The key in front of a line, as of the answer's revision.</summary>
    public ValueTask<RangeResponse> FirstAsync(ByteString name, CallContext call) => kv.RangeAsync(First(name), call);

    /// <summary>Watches a key from a revision on.</summary>
    public LocalWatch Watch(ByteString key, long revision, CallContext call) => new(watch, call, Deletes(key, revision, alsoPuts: true));

    /// <summary>Watches all keys of a line from a revision on.</summary>
    public LocalWatch WatchAll(ByteString name, long revision, CallContext call)
    {
        RangeRequest line = Line(name);
        return new LocalWatch(watch, call, new WatchCreateRequest { Key = line.Key, RangeEnd = line.RangeEnd, StartRevision = revision });
    }

    /// <summary>One operation on a key, if it is still the one that was created at a revision.</summary>
    public async ValueTask<TxnResponse> IfCreatedAtAsync(ByteString key, long revision, RequestOp operation, CallContext call)
    {
        var txn = new TxnRequest { Compare = { IsCreatedAt(key, revision) }, Success = { operation } };
        return await kv.TxnAsync(txn, call).ConfigureAwait(false);
    }

    /// <summary>
    /// What a caller is told of an error of the services underneath: the same text as Unknown, since etcd's own client stands
    /// between its recipe and its store. What passes (no leader, timed out, stopped) keeps its code, so that clients try again.
    /// </summary>
    public static EtcdException ForCaller(EtcdException error) =>
        error.Code is GrpcStatus.Unavailable or GrpcStatus.Unknown ? error : new EtcdException(GrpcStatus.Unknown, error.Message);

    /// <summary>
    /// Deletes the key of a place. It succeeds or not: in the end the lease takes the key. Only in the caller's name: when its token has ended,
    /// another call with the same lease may have been told meanwhile that it holds the place.
    /// </summary>
    private async ValueTask LeaveAsync(Place place, CallContext call)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                var delete = new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = place.Key } };
                await IfCreatedAtAsync(place.Key, place.Revision, delete, new InnerCall(call, CancellationToken.None)).ConfigureAwait(false);
                return;
            }
            catch (EtcdException error) when (error.Message == EtcdError.AuthOldRevision.Message && attempt < LeaveAttempts)
            {
                // Users changed while the deletion was on its way, which says nothing about this one.
            }
            catch (EtcdException)
            {
                // The caller hears of the failure that made it leave.
                return;
            }
        }
    }

    private async ValueTask<Place> JoinAsync(ByteString name, ByteString key, long lease, ByteString value, CallContext call)
    {
        _standings.Enter(key);
        try
        {
            Place place = await TakeAsync(name, key, lease, value, call).ConfigureAwait(false);
            _standings.Settle(key, place.Revision);
            return place;
        }
        catch
        {
            _standings.LeaveUnsettled(key);
            throw;
        }
    }

    private async ValueTask<Place> TakeAsync(ByteString name, ByteString key, long lease, ByteString value, CallContext call)
    {
        var txn = new TxnRequest();
        txn.Compare.Add(IsCreatedAt(key, 0));
        txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = key, Value = value, Lease = lease } });
        txn.Success.Add(new RequestOp { RequestRange = First(name) });
        txn.Failure.Add(new RequestOp { RequestRange = new RangeRequest { Key = key } });
        txn.Failure.Add(new RequestOp { RequestRange = First(name) });
        TxnResponse answer = await kv.TxnAsync(txn, call).ConfigureAwait(false);
        KeyValue? existing = answer.Succeeded ? null : answer.Responses[0].ResponseRange.Kvs[0];
        KeyValue? owner = answer.Responses[1].ResponseRange.Kvs is [var front, ..] ? front : null;
        return new Place(key, lease, existing?.CreateRevision ?? answer.Header.Revision, answer.Header.Revision, existing, owner);
    }

    private async ValueTask<long?> StandsAsync(Place place, CallContext call)
    {
        RangeResponse own = await kv.RangeAsync(new RangeRequest { Key = place.Key }, call).ConfigureAwait(false);
        return own.Kvs is [{ } found] && found.CreateRevision == place.Revision ? own.Header.Revision : null;
    }

    private async ValueTask<ByteString?> FirstDeletedAsync(ByteString[] keys, long revision, CallContext call)
    {
        WatchCreateRequest[] creates = Array.ConvertAll(keys, key => Deletes(key, revision, alsoPuts: false));
        var changes = new LocalWatch(watch, call, creates);
        await using (changes.ConfigureAwait(false))
        {
            WatchResponse? response = await changes.NextAsync(call.Cancellation).ConfigureAwait(false);
            return response?.Events[0].Kv.Key;
        }
    }

    private static WatchCreateRequest Deletes(ByteString key, long revision, bool alsoPuts)
    {
        var create = new WatchCreateRequest { Key = key, StartRevision = revision };
        if (!alsoPuts)
            create.Filters.Add(WatchCreateRequest.Types.FilterType.Noput);
        return create;
    }

    private static Compare IsCreatedAt(ByteString key, long revision) => new()
    {
        Key = key,
        Target = Compare.Types.CompareTarget.Create,
        Result = Compare.Types.CompareResult.Equal,
        CreateRevision = revision,
    };

    private static RangeRequest First(ByteString name)
    {
        RangeRequest line = Line(name);
        line.SortOrder = RangeRequest.Types.SortOrder.Ascend;
        return line;
    }

    /// <summary>One key of everything under the name and a slash; '0' is the byte after '/'.</summary>
    private static RangeRequest Line(ByteString name) => new()
    {
        Key = ByteString.CopyFrom([.. name.Span, (byte)'/']),
        RangeEnd = ByteString.CopyFrom([.. name.Span, (byte)'0']),
        SortTarget = RangeRequest.Types.SortTarget.Create,
        Limit = 1,
    };

    /// <summary>As Go prints it: the sign and then the magnitude.</summary>
    private static string Hex(long lease) => lease < 0
        ? "-" + unchecked((ulong)-lease).ToString("x", CultureInfo.InvariantCulture)
        : lease.ToString("x", CultureInfo.InvariantCulture);
}
