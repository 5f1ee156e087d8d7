using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Mvcc;
using Found = EtcdNet.StateMachine.Mvcc.RangeReader.Found;
using Result = EtcdNet.Protocol.Etcdserverpb.Compare.Types.CompareResult;
using Target = EtcdNet.Protocol.Etcdserverpb.Compare.Types.CompareTarget;

namespace EtcdNet.StateMachine.Txn;

/// <summary>Evaluates the compares of a transaction on a view. Records are only read for values and leases.</summary>
internal sealed class CompareEvaluator(RangeReader ranges)
{
    /// <summary>True when every compare holds for every key it names.</summary>
    public bool HoldsAll(IEnumerable<Compare> compares, ReadView view)
    {
        foreach (Compare compare in compares)
        {
            if (!Holds(compare, view))
                return false;
        }
        return true;
    }

    private bool Holds(Compare compare, ReadView view)
    {
        List<Found> found = RangeReader.Collect(
            view.Root, KeyRange.Of(compare.Key.Memory, compare.RangeEnd.Memory), view.CurrentRevision);
        // Of a key that is not there only the value compares false; everything else is 0.
        if (found.Count == 0)
            return compare.Target != Target.Value && Matches(compare.Result, 0L.CompareTo(Wanted(compare)));
        foreach (Found entry in found)
        {
            if (!Matches(compare.Result, Order(compare, entry)))
                return false;
        }
        return true;
    }

    private int Order(Compare compare, in Found entry) => compare.Target switch
    {
        Target.Version => entry.Version.Version.CompareTo(Wanted(compare)),
        Target.Create => entry.Version.Create.CompareTo(Wanted(compare)),
        Target.Mod => entry.Version.Main.CompareTo(Wanted(compare)),
        Target.Lease => (entry.Version.HasLease ? ranges.Read(entry, withValue: false).Lease : 0).CompareTo(Wanted(compare)),
        Target.Value => ranges.Read(entry).Value.Span.SequenceCompareTo(compare.Value.Span),
        _ => 0,
    };

    /// <summary>What to compare with; 0 when the union holds something else than the target says.</summary>
    private static long Wanted(Compare compare) => compare.Target switch
    {
        Target.Version => compare.Version,
        Target.Create => compare.CreateRevision,
        Target.Mod => compare.ModRevision,
        Target.Lease => compare.Lease,
        _ => 0,
    };

    private static bool Matches(Result wanted, int order) => wanted switch
    {
        Result.Equal => order == 0,
        Result.NotEqual => order != 0,
        Result.Greater => order > 0,
        Result.Less => order < 0,
        _ => true,
    };
}
