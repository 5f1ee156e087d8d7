using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using Google.Protobuf;
using Google.Protobuf.Collections;

namespace EtcdNet.StateMachine.Txn;

/// <summary>
/// What the key-value requests do. All compares of a transaction, nested ones included, are judged on the state before
/// it; then everything that could be refused is checked; only then the first write happens.
/// </summary>
public sealed class TxnApplier
{
    private readonly MvccStore _store;
    private readonly CompareEvaluator _compares;

    /// <summary>Works on a store.</summary>
    public TxnApplier(MvccStore store)
    {
        _store = store;
        _compares = new CompareEvaluator(store.Ranges);
    }

    /// <summary>Answers a read-only transaction on the newest state. Any thread.</summary>
    /// <exception cref="EtcdException">FutureRev, Compacted.</exception>
    public TxnResponse Read(TxnRequest request)
    {
        while (true)
        {
            ReadView view = _store.View;
            try
            {
                return Read(request, view);
            }
            catch (EtcdException) when (_store.IsOvertaken(view))
            {
                // What was asked for may still be there in a newer view.
            }
        }
    }

    /// <summary>Answers a read-only transaction on a view. Any thread.</summary>
    /// <exception cref="EtcdException">FutureRev, Compacted (also when a compaction passed the view).</exception>
    public TxnResponse Read(TxnRequest request, ReadView view)
    {
        TxnResponse response;
        try
        {
            Queue<bool> path = Judge(request, view);
            CheckRanges(request, view, new Queue<bool>(path));
            response = ReadBranch(request, view, path);
        }
        catch (RecordMissingException missing)
        {
            throw _store.Explain(missing, view.CurrentRevision);
        }
        _store.ThrowIfCompacted(view.CurrentRevision);
        response.Header = new ResponseHeader { Revision = view.CurrentRevision };
        return response;
    }

    /// <exception cref="EtcdException">LeaseNotFound, KeyNotFound.</exception>
    internal PutResponse Put(PutRequest request)
    {
        if (request.Lease != 0 && !_store.Leases.Contains(request.Lease))
            throw EtcdError.LeaseNotFound.ToException();
        if (request.IgnoreValue || request.IgnoreLease)
            RequireKey(request, _store.WorkingView());
        WriteTxn txn = _store.BeginTxn();
        PutResponse response = Put(txn, request);
        txn.End();
        return response;
    }

    internal DeleteRangeResponse DeleteRange(DeleteRangeRequest request)
    {
        WriteTxn txn = _store.BeginTxn();
        DeleteRangeResponse response = DeleteRange(txn, request);
        txn.End();
        return response;
    }

    /// <exception cref="EtcdException">KeyNotFound, LeaseNotFound, FutureRev, Compacted.</exception>
    internal TxnResponse Txn(TxnRequest request)
    {
        ReadView before = _store.WorkingView();
        Queue<bool> path = Judge(request, before);
        CheckPuts(request, before, new Queue<bool>(path), []);
        CheckRanges(request, before, new Queue<bool>(path));
        WriteTxn txn = _store.BeginTxn();
        TxnResponse response = RunBranch(txn, request, path);
        response.Header = new ResponseHeader { Revision = txn.Revision };
        txn.End();
        return response;
    }

    /// <summary>Deletes keys, in the given order, in one revision.</summary>
    internal void DeleteKeys(ReadOnlySpan<ReadOnlyMemory<byte>> keys)
    {
        WriteTxn txn = _store.BeginTxn();
        foreach (ReadOnlyMemory<byte> key in keys)
            txn.DeleteRange(KeyRange.Of(key, default), previous: null);
        txn.End();
    }

    /// <summary>Which branch each transaction takes, parents before their children.</summary>
    private Queue<bool> Judge(TxnRequest request, ReadView view)
    {
        var path = new Queue<bool>();
        Judge(request, view, path);
        return path;
    }

    private void Judge(TxnRequest request, ReadView view, Queue<bool> path)
    {
        bool succeeded = _compares.HoldsAll(request.Compare, view);
        path.Enqueue(succeeded);
        foreach (RequestOp op in succeeded ? request.Success : request.Failure)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestTxn)
                Judge(op.RequestTxn, view, path);
        }
    }

    private void CheckPuts(TxnRequest request, ReadView view, Queue<bool> path, List<DeleteRangeRequest> earlierDeletes)
    {
        foreach (RequestOp op in path.Dequeue() ? request.Success : request.Failure)
        {
            switch (op.RequestCase)
            {
                case RequestOp.RequestOneofCase.RequestDeleteRange:
                    earlierDeletes.Add(op.RequestDeleteRange);
                    break;
                case RequestOp.RequestOneofCase.RequestPut:
                    CheckPut(op.RequestPut, view, earlierDeletes);
                    break;
                case RequestOp.RequestOneofCase.RequestTxn:
                    CheckPuts(op.RequestTxn, view, path, earlierDeletes);
                    break;
            }
        }
    }

    private static void CheckRanges(TxnRequest request, ReadView view, Queue<bool> path)
    {
        foreach (RequestOp op in path.Dequeue() ? request.Success : request.Failure)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestRange)
                CheckRevision(op.RequestRange.Revision, view);
            else if (op.RequestCase == RequestOp.RequestOneofCase.RequestTxn)
                CheckRanges(op.RequestTxn, view, path);
        }
    }

    /// <summary>Inside a transaction a negative revision is one that was compacted, not "now" (etcd does so).</summary>
    private static void CheckRevision(long revision, ReadView view)
    {
        if (revision > view.CurrentRevision)
            throw EtcdError.FutureRev.ToException();
        if (revision != 0 && revision < view.CompactRevision)
            throw EtcdError.Compacted.ToException();
    }

    private void CheckPut(PutRequest request, ReadView view, List<DeleteRangeRequest> earlierDeletes)
    {
        if (request.IgnoreValue || request.IgnoreLease)
        {
            RequireKey(request, view);
            // The check of conflicts does not see a deletion without an end, as in etcd, which ends with a panic here.
            if (earlierDeletes.Exists(delete => KeyRange.Of(delete.Key.Memory, delete.RangeEnd.Memory).Contains(request.Key.Span)))
                throw EtcdError.KeyNotFound.ToException();
        }
        if (request.Lease != 0 && !_store.Leases.Contains(request.Lease))
            throw EtcdError.LeaseNotFound.ToException();
    }

    private static void RequireKey(PutRequest request, ReadView view)
    {
        if (!RangeReader.TryFind(view, request.Key.Span, view.CurrentRevision, out _))
            throw EtcdError.KeyNotFound.ToException();
    }

    private TxnResponse RunBranch(WriteTxn txn, TxnRequest request, Queue<bool> path)
    {
        var response = new TxnResponse { Header = new ResponseHeader(), Succeeded = path.Dequeue() };
        foreach (RequestOp op in response.Succeeded ? request.Success : request.Failure)
        {
            response.Responses.Add(op.RequestCase switch
            {
                RequestOp.RequestOneofCase.RequestRange => new ResponseOp { ResponseRange = Range(txn, op.RequestRange) },
                RequestOp.RequestOneofCase.RequestPut => new ResponseOp { ResponsePut = Put(txn, op.RequestPut) },
                RequestOp.RequestOneofCase.RequestDeleteRange => new ResponseOp { ResponseDeleteRange = DeleteRange(txn, op.RequestDeleteRange) },
                RequestOp.RequestOneofCase.RequestTxn => new ResponseOp { ResponseTxn = RunBranch(txn, op.RequestTxn, path) },
                _ => new ResponseOp(),
            });
        }
        return response;
    }

    private TxnResponse ReadBranch(TxnRequest request, ReadView view, Queue<bool> path)
    {
        var response = new TxnResponse { Header = new ResponseHeader(), Succeeded = path.Dequeue() };
        foreach (RequestOp op in response.Succeeded ? request.Success : request.Failure)
        {
            response.Responses.Add(op.RequestCase switch
            {
                RequestOp.RequestOneofCase.RequestRange => new ResponseOp { ResponseRange = _store.Range(op.RequestRange, view) },
                RequestOp.RequestOneofCase.RequestTxn => new ResponseOp { ResponseTxn = ReadBranch(op.RequestTxn, view, path) },
                _ => throw new InvariantException("a transaction that writes was taken for one that reads"),
            });
        }
        return response;
    }

    private RangeResponse Range(WriteTxn txn, RangeRequest request)
    {
        txn.NoteRange();
        return _store.Ranges.Range(request, txn.View);
    }

    private static PutResponse Put(WriteTxn txn, PutRequest request)
    {
        KeyValue? old = request.PrevKv || request.IgnoreValue || request.IgnoreLease ? txn.Get(request.Key.Span) : null;
        ByteString value = request.IgnoreValue ? old!.Value : request.Value;
        long lease = request.IgnoreLease ? old!.Lease : request.Lease;
        txn.Put(request.Key, value, lease);
        var response = new PutResponse { Header = new ResponseHeader { Revision = txn.Revision } };
        if (request.PrevKv)
            response.PrevKv = old;
        return response;
    }

    private static DeleteRangeResponse DeleteRange(WriteTxn txn, DeleteRangeRequest request)
    {
        var response = new DeleteRangeResponse();
        RepeatedField<KeyValue>? previous = request.PrevKv ? response.PrevKvs : null;
        response.Deleted = txn.DeleteRange(KeyRange.Of(request.Key.Memory, request.RangeEnd.Memory), previous);
        response.Header = new ResponseHeader { Revision = txn.Revision };
        return response;
    }
}
