using EtcdNet.Protocol.Etcdserverpb;
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
    private readonly HeaderSource _headers;
    private readonly QuotaGuard _quota;
    private readonly CompactionWaits _compactions;
    private readonly int _txnOpsMax;
    private readonly TimeProvider _time;

    /// <param name="machine">What is read.</param>
    /// <param name="proposer">Where writes go.</param>
    /// <param name="reads">Makes reads linearizable.</param>
    /// <param name="headers">Fills in who answered.</param>
    /// <param name="quota">Refuses writes before the store is full.</param>
    /// <param name="compactions">Tells when a compaction has given its space back.</param>
    /// <param name="txnOpsMax">Most compares, and most operations of a branch (<c>--max-txn-ops</c>).</param>
    /// <param name="time">Clock of the limits of long reads.</param>
    internal KvService(
        StateMachine.StateMachine machine, IProposer proposer, IReadIndexGate reads, HeaderSource headers, QuotaGuard quota,
        CompactionWaits compactions, int txnOpsMax, TimeProvider time)
    {
        _store = machine.Store;
        _txns = machine.Txns;
        _proposer = proposer;
        _reads = reads;
        _headers = headers;
        _quota = quota;
        _compactions = compactions;
        _txnOpsMax = txnOpsMax;
        _time = time;
    }

    /// <summary>Reads one key or a range.</summary>
    /// <exception cref="EtcdException">EmptyKey, InvalidSortOption, Compacted, FutureRev; no leader or time-out when linearizable.</exception>
    public ValueTask<RangeResponse> RangeAsync(RangeRequest request, CallContext call)
    {
        RequestChecks.Check(request);
        if (request.Serializable)
            return new(ReadRange(request));
        ValueTask confirmed = _reads.WaitAsync(call.Cancellation);
        return confirmed.IsCompletedSuccessfully ? new(ReadRange(request)) : AfterConfirmation(confirmed, request, call);

        async ValueTask<RangeResponse> AfterConfirmation(ValueTask wait, RangeRequest range, CallContext context)
        {
            await wait.ConfigureAwait(false);
            context.ReadConfirmed();
            return ReadRange(range);
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
        return confirmed.IsCompletedSuccessfully && !IsLarge(request)
            ? new((ReadRange(request), null))
            : AfterConfirmation(confirmed, request, call);

        async ValueTask<(RangeResponse?, IEncodedAnswer?)> AfterConfirmation(ValueTask wait, RangeRequest range, CallContext context)
        {
            await wait.ConfigureAwait(false);
            if (!range.Serializable)
                context.ReadConfirmed();
            return IsLarge(range) ? (null, await EncodeAsync(range, context.Cancellation).ConfigureAwait(false)) : (ReadRange(range), null);
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
            await responses.WriteAsync(new RangeStreamResponse { RangeResponse = ReadRange(request) }, call.Cancellation).ConfigureAwait(false);
        else
            await RangeStreamer.RunAsync(_store, _headers, _time, request, responses, call).ConfigureAwait(false);
    }

    /// <summary>Writes one key.</summary>
    /// <exception cref="EtcdException">EmptyKey, ValueProvided, LeaseProvided, KeyNotFound, LeaseNotFound, NoSpace and those of every write.</exception>
    public ValueTask<PutResponse> PutAsync(PutRequest request, CallContext call)
    {
        RequestChecks.Check(request);
        _quota.CheckPut(request);
        return Answer(_proposer.ProposeAsync(new InternalRaftRequest { Put = request }, call, NotCancelled));

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
        IMessage outcome = await _proposer
            .ProposeAsync(new InternalRaftRequest { DeleteRange = request }, call, NotCancelled).ConfigureAwait(false);
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
            response = _txns.Read(request);
        }
        else
        {
            _quota.CheckTxn(request);
            response = (TxnResponse)await _proposer
                .ProposeAsync(new InternalRaftRequest { Txn = request }, call, NotCancelled).ConfigureAwait(false);
        }
        _headers.Complete(response.Header);
        return response;
    }

    /// <summary>Forgets the history before a revision.</summary>
    /// <exception cref="EtcdException">Compacted, FutureRev and those of every write.</exception>
    public async ValueTask<CompactionResponse> CompactAsync(CompactionRequest request, CallContext call)
    {
        var response = (CompactionResponse)await _proposer
            .ProposeAsync(new InternalRaftRequest { Compaction = request }, call, NotCancelled).ConfigureAwait(false);
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

    private async ValueTask<IEncodedAnswer> EncodeAsync(RangeRequest request, CancellationToken cancellation)
    {
        PinnedRange range = _store.OpenRange(request);
        var answer = new RangeAnswer(range, _headers.Header(range.CurrentRevision), _time);
        try
        {
            for (int slice = 1; answer.MeasureNext(); slice++)
            {
                if (slice % SlicesPerTurn != 0)
                    continue;
                cancellation.ThrowIfCancellationRequested();
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
