using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf.Collections;
using Result = EtcdNet.Protocol.Etcdserverpb.Compare.Types.CompareResult;
using Target = EtcdNet.Protocol.Etcdserverpb.Compare.Types.CompareTarget;

namespace EtcdNet.Model.Naive;

/// <content>Puts, deletes and transactions.</content>
public partial class NaiveStore
{
    private PutResponse PutAlone(PutRequest put)
    {
        NaiveChecks.Check(put);
        if (put.Lease != 0 && !_leases.ContainsKey(put.Lease))
            throw EtcdError.LeaseNotFound.ToException();
        if ((put.IgnoreValue || put.IgnoreLease) && Find(put.Key) is null)
            throw EtcdError.KeyNotFound.ToException();
        return Put(put);
    }

    private PutResponse Put(PutRequest put)
    {
        KeyValue? old = Find(put.Key);
        Add(put.Key, new KeyValue
        {
            Key = put.Key,
            Value = put.IgnoreValue ? old!.Value : put.Value,
            Lease = put.IgnoreLease ? old!.Lease : put.Lease != 0 ? put.Lease : LeaseOfPlainPut(old),
            CreateRevision = old?.CreateRevision ?? Current + 1,
            ModRevision = Current + 1,
            Version = NextVersion(old),
        });
        return new PutResponse { Header = Header(), PrevKv = put.PrevKv ? old : null };
    }

    private DeleteRangeResponse Delete(DeleteRangeRequest delete)
    {
        List<KeyValue> found = [.. Live(delete.Key, delete.RangeEnd, Now)];
        foreach (KeyValue pair in found)
            Add(pair.Key, null);
        var answer = new DeleteRangeResponse { Header = Header(), Deleted = found.Count };
        if (delete.PrevKv)
            answer.PrevKvs.Add(found);
        return answer;
    }

    // Every compare is judged, and everything that can refuse is asked, on the state before the transaction.
    private TxnResponse Transact(TxnRequest txn)
    {
        NaiveChecks.Check(txn);
        var branches = new Dictionary<TxnRequest, bool>(ReferenceEqualityComparer.Instance);
        Judge(txn, branches);
        CheckPuts(txn, branches, []);
        CheckRanges(txn, branches);
        TxnResponse answer = Run(txn, branches);
        answer.Header.Revision = Now;
        return answer;
    }

    private void Judge(TxnRequest txn, Dictionary<TxnRequest, bool> branches)
    {
        branches[txn] = txn.Compare.All(Holds);
        foreach (RequestOp op in Branch(txn, branches))
        {
            if (op.RequestTxn is not null)
                Judge(op.RequestTxn, branches);
        }
    }

    private static RepeatedField<RequestOp> Branch(TxnRequest txn, Dictionary<TxnRequest, bool> branches) => branches[txn] ? txn.Success : txn.Failure;

    private bool Holds(Compare compare)
    {
        List<KeyValue> found = [.. Live(compare.Key, compare.RangeEnd, Current)];
        if (found.Count > 0)
            return found.All(pair => Holds(compare, pair));
        // A key that is not there has no value to compare, and 0 for everything else.
        return compare.Target != Target.Value && Holds(compare, new KeyValue());
    }

    private static bool Holds(Compare compare, KeyValue pair)
    {
        int order = compare.Target switch
        {
            Target.Version => pair.Version.CompareTo(compare.Version),
            Target.Create => pair.CreateRevision.CompareTo(compare.CreateRevision),
            Target.Mod => pair.ModRevision.CompareTo(compare.ModRevision),
            Target.Lease => pair.Lease.CompareTo(compare.Lease),
            _ => pair.Value.Span.SequenceCompareTo(compare.Value.Span),
        };
        return compare.Result switch
        {
            Result.Equal => order == 0,
            Result.NotEqual => order != 0,
            Result.Greater => order > 0,
            _ => order < 0,
        };
    }

    // What an earlier operation of the transaction deletes is not there for a later put that wants to keep value or lease.
    private void CheckPuts(TxnRequest txn, Dictionary<TxnRequest, bool> branches, List<DeleteRangeRequest> deleted)
    {
        foreach (RequestOp op in Branch(txn, branches))
        {
            if (op.RequestDeleteRange is not null)
                deleted.Add(op.RequestDeleteRange);
            else if (op.RequestTxn is not null)
                CheckPuts(op.RequestTxn, branches, deleted);
            else if (op.RequestPut is { } put)
                CheckPut(put, deleted);
        }
    }

    private void CheckPut(PutRequest put, List<DeleteRangeRequest> deleted)
    {
        bool exists = Find(put.Key) is not null && !deleted.Any(delete => KeyOrder.Contains(delete.Key, delete.RangeEnd, put.Key));
        if ((put.IgnoreValue || put.IgnoreLease) && !exists)
            throw EtcdError.KeyNotFound.ToException();
        if (put.Lease != 0 && !_leases.ContainsKey(put.Lease))
            throw EtcdError.LeaseNotFound.ToException();
    }

    private void CheckRanges(TxnRequest txn, Dictionary<TxnRequest, bool> branches)
    {
        foreach (RequestOp op in Branch(txn, branches))
        {
            if (op.RequestTxn is not null)
                CheckRanges(op.RequestTxn, branches);
            else if (op.RequestRange is { Revision: not 0 } range && range.Revision > Current)
                throw EtcdError.FutureRev.ToException();
            else if (op.RequestRange is { Revision: not 0 } old && IsGone(old.Revision))
                throw EtcdError.Compacted.ToException();
        }
    }

    private TxnResponse Run(TxnRequest txn, Dictionary<TxnRequest, bool> branches)
    {
        var answer = new TxnResponse { Header = new ResponseHeader(), Succeeded = branches[txn] };
        foreach (RequestOp op in Branch(txn, branches))
        {
            answer.Responses.Add(op.RequestCase switch
            {
                RequestOp.RequestOneofCase.RequestPut => new ResponseOp { ResponsePut = Put(op.RequestPut) },
                RequestOp.RequestOneofCase.RequestDeleteRange => new ResponseOp { ResponseDeleteRange = Delete(op.RequestDeleteRange) },
                RequestOp.RequestOneofCase.RequestRange => new ResponseOp { ResponseRange = RangeNow(op.RequestRange) },
                _ => new ResponseOp { ResponseTxn = Run(op.RequestTxn, branches) },
            });
        }
        return answer;
    }
}
