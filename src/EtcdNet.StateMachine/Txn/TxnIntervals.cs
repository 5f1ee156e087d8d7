using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.StateMachine.Txn;

/// <summary>
/// The keys that one branch of a transaction writes. A key put twice, or put and deleted, in one branch is refused,
/// nested transactions included; what only one of two nested branches can do does not clash.
/// </summary>
internal sealed class TxnIntervals
{
    private readonly HashSet<ReadOnlyMemory<byte>> _puts = new(KeyComparer.Instance);
    private readonly List<(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> End)> _deletes = [];

    /// <exception cref="EtcdException">DuplicateKey.</exception>
    public static void Check(IReadOnlyCollection<RequestOp> branch)
    {
        if (branch.Count > 0)
            Of(branch);
    }

    private static TxnIntervals Of(IReadOnlyCollection<RequestOp> branch)
    {
        var all = new TxnIntervals();
        foreach (RequestOp op in branch)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestDeleteRange)
                all._deletes.Add((op.RequestDeleteRange.Key.Memory, op.RequestDeleteRange.RangeEnd.Memory));
        }
        foreach (RequestOp op in branch)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestTxn)
                all.AddNested(Of(op.RequestTxn.Success), Of(op.RequestTxn.Failure));
        }
        foreach (RequestOp op in branch)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestPut)
                all.AddPut(op.RequestPut.Key.Memory);
        }
        return all;
    }

    private void AddNested(TxnIntervals success, TxnIntervals failure)
    {
        foreach (ReadOnlyMemory<byte> key in success._puts)
            AddPut(key);
        foreach (ReadOnlyMemory<byte> key in failure._puts)
        {
            // Only one of the two branches runs.
            if (!success._puts.Contains(key))
                AddPut(key);
        }
        _deletes.AddRange(success._deletes);
        _deletes.AddRange(failure._deletes);
    }

    private void AddPut(ReadOnlyMemory<byte> key)
    {
        if (!_puts.Add(key))
            throw EtcdError.DuplicateKey.ToException();
        foreach ((ReadOnlyMemory<byte> start, ReadOnlyMemory<byte> end) in _deletes)
        {
            if (Covers(start.Span, end.Span, key.Span))
                throw EtcdError.DuplicateKey.ToException();
        }
    }

    private static bool Covers(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end, ReadOnlySpan<byte> key) =>
        end.IsEmpty ? start.SequenceEqual(key) : start.SequenceCompareTo(key) <= 0 && key.SequenceCompareTo(end) < 0;
}
