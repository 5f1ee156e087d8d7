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

    private readonly MvccStore _store;
    private readonly TxnApplier _txns;
    private readonly IProposer _proposer;
    private readonly IReadIndexGate _reads;
    private readonly HeaderSource _headers;
    private readonly QuotaGuard _quota;
    private readonly CompactionWaits _compactions;
    private readonly int _txnOpsMax;

    /// <param name="machine">What is read.</param>
    /// <param name="proposer">Where writes go.</param>
    /// <param name="reads">Makes reads linearizable.</param>
    /// <param name="headers">Fills in who answered.</param>
    /// <param name="quota">Refuses writes before the store is full.</param>
    /// <param name="compactions">Tells when a compaction has given its space back.</param>
    /// <param name="txnOpsMax">Most compares, and most operations of a branch (<c>--max-txn-ops</c>).</param>
    internal KvService(
        StateMachine.StateMachine machine, IProposer proposer, IReadIndexGate reads, HeaderSource headers, QuotaGuard quota,
        CompactionWaits compactions, int txnOpsMax)
    {
        _store = machine.Store;
        _txns = machine.Txns;
        _proposer = proposer;
        _reads = reads;
        _headers = headers;
        _quota = quota;
        _compactions = compactions;
        _txnOpsMax = txnOpsMax;
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

    /// <summary>Writes one key.</summary>
    /// <exception cref="EtcdException">EmptyKey, ValueProvided, LeaseProvided, KeyNotFound, LeaseNotFound, NoSpace and those of every write.</exception>
    public ValueTask<PutResponse> PutAsync(PutRequest request, CallContext call)
    {
        RequestChecks.Check(request);
        _quota.CheckPut(request);
        return Answer(_proposer.ProposeAsync(new InternalRaftRequest { Put = request }, NotCancelled));

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
            .ProposeAsync(new InternalRaftRequest { DeleteRange = request }, NotCancelled).ConfigureAwait(false);
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
                .ProposeAsync(new InternalRaftRequest { Txn = request }, NotCancelled).ConfigureAwait(false);
        }
        _headers.Complete(response.Header);
        return response;
    }

    /// <summary>Forgets the history before a revision.</summary>
    /// <exception cref="EtcdException">Compacted, FutureRev and those of every write.</exception>
    public async ValueTask<CompactionResponse> CompactAsync(CompactionRequest request, CallContext call)
    {
        var response = (CompactionResponse)await _proposer
            .ProposeAsync(new InternalRaftRequest { Compaction = request }, NotCancelled).ConfigureAwait(false);
        if (request.Physical)
            await _compactions.WaitAsync(request.Revision, call.Cancellation).ConfigureAwait(false);
        response.Header ??= new ResponseHeader();
        response.Header.Revision = _store.CurrentRevision;
        _headers.Complete(response.Header);
        return response;
    }

    private RangeResponse ReadRange(RangeRequest request)
    {
        RangeResponse response = _store.Range(request);
        _headers.Complete(response.Header);
        return response;
    }
}
