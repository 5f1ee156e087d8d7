using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Auth;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Txn;
using Google.Protobuf;

namespace EtcdNet.Server.Services;

/// <summary>
/// etcdserverpb.KV. Checks come first, in etcd's order and words; writes go through the log; reads are made
/// linearizable by <see cref="IReadIndexGate"/> unless the client asked for the local state.
/// </summary>
public sealed class KvService
{
    // A write that was proposed cannot be taken back, and its wait is bounded anyway; not listening to the client
    // saves a registration per request.
    private static readonly CancellationToken NotCancelled = CancellationToken.None;

    // Few pairs are cheaper as messages, and bounded: a pair is no larger than a request.
    private const int PairsInMessageMax = 32;

    // Half a megabyte, then others get their turn on the thread.
    private const int SlicesPerTurn = 16;

    private readonly MvccStore _store;
    private readonly TxnApplier _txns;
    private readonly IProposer _proposer;
    private readonly IReadIndexGate _reads;
    private readonly AuthGuard _guard;
    private readonly HeaderSource _headers;
    private readonly QuotaGuard _quota;
    private readonly CompactionWaits _compactions;
    private readonly int _txnOpsMax;
    private readonly TimeProvider _time;

    /// <param name="machine">What is read.</param>
    /// <param name="proposer">Where writes go.</param>
    /// <param name="reads">Makes reads linearizable.</param>
    /// <param name="guard">Knows who may.</param>
    /// <param name="headers">Fills in who answered.</param>
    /// <param name="quota">Refuses writes before the store is full.</param>
    /// <param name="compactions">Tells when a compaction has given its space back.</param>
    /// <param name="txnOpsMax">Most compares, and most operations of a branch (<c>--max-txn-ops</c>).</param>
    /// <param name="time">Clock of the limits of long reads.</param>
    internal KvService(
        StateMachine.StateMachine machine, IProposer proposer, IReadIndexGate reads, AuthGuard guard, HeaderSource headers, QuotaGuard quota,
        CompactionWaits compactions, int txnOpsMax, TimeProvider time)
    {
        _store = machine.Store;
        _txns = machine.Txns;
        _proposer = proposer;
        _reads = reads;
        _guard = guard;
        _headers = headers;
        _quota = quota;
        _compactions = compactions;
        _txnOpsMax = txnOpsMax;
        _time = time;
    }

    /// <summary>Reads one key or a range.</summary>
    /// <exception cref="EtcdException">
    /// EmptyKey, InvalidSortOption, Compacted, FutureRev; no leader or time-out when linearizable; the caller may not.
    /// </exception>
    public ValueTask<RangeResponse> RangeAsync(RangeRequest request, CallContext call)
    {
        RequestChecks.Check(request);
        ValueTask confirmed = request.Serializable ? ValueTask.CompletedTask : _reads.WaitAsync(call.Cancellation);
        return confirmed.IsCompletedSuccessfully && TryReadUnguarded(request) is { } response
            ? new(response)
            : AfterConfirmation(confirmed, request, call);

        async ValueTask<RangeResponse> AfterConfirmation(ValueTask wait, RangeRequest range, CallContext context)
        {
            await ConfirmAsync(wait, range, context).ConfigureAwait(false);
            return await ReadAdmittedAsync(range, context).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// As <see cref="RangeAsync"/>, for transports that can send an answer while it is made: a range of many keys comes as
    /// <see cref="IEncodedAnswer"/> and never is in memory, anything else as a message. Ranges that are sorted by value are messages.
    /// </summary>
    /// <exception cref="EtcdException">As <see cref="RangeAsync"/>.</exception>
    public ValueTask<(RangeResponse? Message, IEncodedAnswer? Encoded)> AnswerRangeAsync(RangeRequest request, CallContext call)
    {
        RequestChecks.Check(request);
        ValueTask confirmed = request.Serializable ? ValueTask.CompletedTask : _reads.WaitAsync(call.Cancellation);
        return confirmed.IsCompletedSuccessfully && !IsLarge(request) && TryReadUnguarded(request) is { } response
            ? new((response, null))
            : AfterConfirmation(confirmed, request, call);

        async ValueTask<(RangeResponse?, IEncodedAnswer?)> AfterConfirmation(ValueTask wait, RangeRequest range, CallContext context)
        {
            await ConfirmAsync(wait, range, context).ConfigureAwait(false);
            return IsLarge(range)
                ? (null, await EncodeAdmittedAsync(range, context).ConfigureAwait(false))
                : (await ReadAdmittedAsync(range, context).ConfigureAwait(false), null);
        }
    }

    /// <summary>A range in as many messages as it takes (etcd 3.7), all read at one revision.</summary>
    /// <exception cref="EtcdException">As <see cref="RangeAsync"/>; Unimplemented for sort orders and revision filters.</exception>
    public async Task RangeStreamAsync(RangeRequest request, IResponseStream<RangeStreamResponse> responses, CallContext call)
    {
        RequestChecks.Check(request);
        RangeStreamer.Check(request);
        if (!request.Serializable)
            await _reads.WaitAsync(call.Cancellation).ConfigureAwait(false);
        if (request.CountOnly)
        {
            RangeResponse response = await ReadAdmittedAsync(request, call).ConfigureAwait(false);
            await responses.WriteAsync(new RangeStreamResponse { RangeResponse = response }, call.Cancellation).ConfigureAwait(false);
            return;
        }
        using PinnedRange range = await OpenAdmittedAsync(RangeStreamer.InKeyOrder(request), call).ConfigureAwait(false);
        await RangeStreamer.RunAsync(range, _headers, _time, responses, call).ConfigureAwait(false);
    }

    /// <summary>Writes one key.</summary>
    /// <exception cref="EtcdException">EmptyKey, ValueProvided, LeaseProvided, KeyNotFound, LeaseNotFound, NoSpace and those of every write.</exception>
    public ValueTask<PutResponse> PutAsync(PutRequest request, CallContext call)
    {
        RequestChecks.Check(request);
        _quota.CheckPut(request);
        return Answer(_guard.ProposeAsync(_proposer, new InternalRaftRequest { Put = request }, call, NotCancelled));

        async ValueTask<PutResponse> Answer(ValueTask<IMessage> outcome)
        {
            var response = (PutResponse)await outcome.ConfigureAwait(false);
            _headers.Complete(response.Header);
            return response;
        }
    }

    /// <summary>Deletes one key or a range.</summary>
    /// <exception cref="EtcdException">EmptyKey and those of every write.</exception>
    public async ValueTask<DeleteRangeResponse> DeleteRangeAsync(DeleteRangeRequest request, CallContext call)
    {
        RequestChecks.Check(request);
        IMessage outcome = await _guard
            .ProposeAsync(_proposer, new InternalRaftRequest { DeleteRange = request }, call, NotCancelled).ConfigureAwait(false);
        var response = (DeleteRangeResponse)outcome;
        _headers.Complete(response.Header);
        return response;
    }

    /// <summary>Compares, then one of two lists of operations, all in one revision.</summary>
    /// <exception cref="EtcdException">TooManyOps, DuplicateKey, EmptyKey, KeyNotFound, …: surface section 1.3.</exception>
    public async ValueTask<TxnResponse> TxnAsync(TxnRequest request, CallContext call)
    {
        RequestChecks.Check(request, _txnOpsMax);
        TxnResponse response;
        if (RequestChecks.IsReadOnly(request))
        {
            if (!RequestChecks.IsSerializable(request))
            {
                await _reads.WaitAsync(call.Cancellation).ConfigureAwait(false);
                call.ReadConfirmed();
            }
            Admission admission;
            int turn = 0;
            do
            {
                admission = await _guard.AdmitAsync(request, call).ConfigureAwait(false);
                response = _txns.Read(request);
            }
            while (!_guard.Holds(admission, ++turn, call));
        }
        else
        {
            _quota.CheckTxn(request);
            response = (TxnResponse)await _guard
                .ProposeAsync(_proposer, new InternalRaftRequest { Txn = request }, call, NotCancelled).ConfigureAwait(false);
        }
        _headers.Complete(response.Header);
        return response;
    }

    /// <summary>Forgets the history before a revision.</summary>
    /// <exception cref="EtcdException">Compacted, FutureRev and those of every write.</exception>
    public async ValueTask<CompactionResponse> CompactAsync(CompactionRequest request, CallContext call)
    {
        await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        var response = (CompactionResponse)await _guard
            .ProposeAsync(_proposer, new InternalRaftRequest { Compaction = request }, call, NotCancelled).ConfigureAwait(false);
        if (request.Physical)
            await _compactions.WaitAsync(request.Revision, call.Cancellation).ConfigureAwait(false);
        response.Header ??= new ResponseHeader();
        response.Header.Revision = _store.CurrentRevision;
        _headers.Complete(response.Header);
        return response;
    }

    private bool IsLarge(RangeRequest request) =>
        !request.CountOnly && !request.RangeEnd.IsEmpty && request.Limit is <= 0 or > PairsInMessageMax
        && request.SortTarget != RangeRequest.Types.SortTarget.Value
        && (request.Revision > 0 || _store.CountNow(request) > PairsInMessageMax);

    /// <summary>The short way while authentication is off, before and after the read; else null.</summary>
    private RangeResponse? TryReadUnguarded(RangeRequest request)
    {
        if (_guard.IsOn)
            return null;
        RangeResponse response = ReadRange(request);
        return _guard.NobodyNeedsRights ? response : null;
    }

    private static async ValueTask ConfirmAsync(ValueTask wait, RangeRequest request, CallContext call)
    {
        await wait.ConfigureAwait(false);
        if (!request.Serializable)
            call.ReadConfirmed();
    }

    private async ValueTask<RangeResponse> ReadAdmittedAsync(RangeRequest request, CallContext call)
    {
        for (int turn = 1; ; turn++)
        {
            Admission admission = await _guard.AdmitAsync(request, call).ConfigureAwait(false);
            RangeResponse response = ReadRange(request);
            if (_guard.Holds(admission, turn, call))
                return response;
        }
    }

    private async ValueTask<PinnedRange> OpenAdmittedAsync(RangeRequest request, CallContext call)
    {
        for (int turn = 1; ; turn++)
        {
            Admission admission = await _guard.AdmitAsync(request, call).ConfigureAwait(false);
            PinnedRange range = _store.OpenRange(request);
            bool holds = false;
            try
            {
                holds = _guard.Holds(admission, turn, call);
            }
            finally
            {
                if (!holds)
                    range.Dispose();
            }
            if (holds)
                return range;
        }
    }

    private async ValueTask<IEncodedAnswer> EncodeAdmittedAsync(RangeRequest request, CallContext call)
    {
        PinnedRange range = await OpenAdmittedAsync(request, call).ConfigureAwait(false);
        var answer = new RangeAnswer(range, _headers.Header(range.CurrentRevision), _time);
        try
        {
            for (int slice = 1; answer.MeasureNext(); slice++)
            {
                if (slice % SlicesPerTurn != 0)
                    continue;
                call.Cancellation.ThrowIfCancellationRequested();
                await Task.Yield();
            }
            answer.Measured();
            return answer;
        }
        catch
        {
            answer.Dispose();
            throw;
        }
    }

    private RangeResponse ReadRange(RangeRequest request)
    {
        RangeResponse response = _store.Range(request);
        _headers.Complete(response.Header);
        return response;
    }
}
