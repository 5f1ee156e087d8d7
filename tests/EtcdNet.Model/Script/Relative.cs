using EtcdNet.Protocol.Etcdserverpb;
using Target = EtcdNet.Protocol.Etcdserverpb.Compare.Types.CompareTarget;

namespace EtcdNet.Model.Script;

/// <summary>
/// Revisions in a script are told from the newest one ("now−3"), so that a step means the same when steps before it are left out.
/// They stand in the fields of the requests as very large numbers.
/// </summary>
internal static class Relative
{
    private const long Base = 1L << 60;
    private const long Reach = 1L << 40;

    /// <summary>The number that stands for a revision so far from the newest one.</summary>
    internal static long Now(long offset) => Base + offset;

    /// <summary>Whether a number stands for a relative revision, and which.</summary>
    internal static bool IsRelative(long value, out long offset)
    {
        offset = value - Base;
        return Math.Abs(offset) < Reach;
    }

    /// <summary>The revision that is meant; never below 1.</summary>
    internal static long Resolve(long value, long current) =>
        IsRelative(value, out long offset) ? Math.Max(1, current + offset) : value;

    /// <summary>A copy with real revisions.</summary>
    internal static RangeRequest Resolve(RangeRequest template, long current)
    {
        RangeRequest range = template.Clone();
        range.Revision = Resolve(range.Revision, current);
        range.MinModRevision = Resolve(range.MinModRevision, current);
        range.MaxModRevision = Resolve(range.MaxModRevision, current);
        range.MinCreateRevision = Resolve(range.MinCreateRevision, current);
        range.MaxCreateRevision = Resolve(range.MaxCreateRevision, current);
        return range;
    }

    /// <summary>A copy with real revisions.</summary>
    internal static TxnRequest Resolve(TxnRequest template, long current)
    {
        TxnRequest txn = template.Clone();
        foreach (Compare compare in txn.Compare)
        {
            if (compare.Target == Target.Create && compare.TargetUnionCase == Compare.TargetUnionOneofCase.CreateRevision)
                compare.CreateRevision = Resolve(compare.CreateRevision, current);
            else if (compare.TargetUnionCase == Compare.TargetUnionOneofCase.ModRevision)
                compare.ModRevision = Resolve(compare.ModRevision, current);
        }
        foreach (RequestOp op in txn.Success.Concat(txn.Failure))
        {
            if (op.RequestRange is not null)
                op.RequestRange = Resolve(op.RequestRange, current);
            else if (op.RequestTxn is not null)
                op.RequestTxn = Resolve(op.RequestTxn, current);
        }
        return txn;
    }

    /// <summary>A copy with real revisions.</summary>
    internal static InternalRaftRequest Resolve(InternalRaftRequest template, long current)
    {
        InternalRaftRequest request = template.Clone();
        if (request.Txn is not null)
            request.Txn = Resolve(request.Txn, current);
        if (request.Compaction is not null)
            request.Compaction.Revision = Resolve(request.Compaction.Revision, current);
        return request;
    }

    /// <summary>A copy with real revisions.</summary>
    internal static WatchCreateRequest Resolve(WatchCreateRequest template, long current)
    {
        WatchCreateRequest create = template.Clone();
        create.StartRevision = Resolve(create.StartRevision, current);
        return create;
    }
}
