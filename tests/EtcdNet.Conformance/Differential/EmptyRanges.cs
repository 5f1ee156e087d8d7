using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential;

/// <summary>
/// Ranges that end at or before their key. Whether etcd lets somebody ask for one depends on the shape of its tree of permissions, EtcdNet goes by the first
/// key; nothing is read or deleted either way. So they are not asked for where permissions count.
/// </summary>
internal static class EmptyRanges
{
    /// <summary>Makes single keys of them, in a transaction too.</summary>
    public static T Without<T>(T request)
        where T : IMessage
    {
        switch (request)
        {
            case RangeRequest range:
                range.RangeEnd = EndOf(range.Key, range.RangeEnd);
                break;
            case DeleteRangeRequest delete:
                delete.RangeEnd = EndOf(delete.Key, delete.RangeEnd);
                break;
            case WatchCreateRequest watch:
                watch.RangeEnd = EndOf(watch.Key, watch.RangeEnd);
                break;
            case TxnRequest txn:
                foreach (Compare compare in txn.Compare)
                    compare.RangeEnd = EndOf(compare.Key, compare.RangeEnd);
                foreach (RequestOp operation in txn.Success.Concat(txn.Failure))
                    Without(Inner(operation));
                break;
        }

        return request;
    }

    private static IMessage Inner(RequestOp operation) =>
        (IMessage?)operation.RequestRange ?? (IMessage?)operation.RequestDeleteRange ?? (IMessage?)operation.RequestTxn ?? operation;

    private static ByteString EndOf(ByteString key, ByteString end) =>
        end.Span is [0] || key.Span.SequenceCompareTo(end.Span) < 0 ? end : ByteString.Empty;
}
