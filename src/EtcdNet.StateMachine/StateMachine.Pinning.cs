using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Leasepb;

namespace EtcdNet.StateMachine;

/// <summary>The state for readers that take their time.</summary>
public sealed partial class StateMachine
{
    /// <summary>The state as it is between two entries; the caller disposes it. Applier's thread, outside of a batch.</summary>
    public PinnedState Pin()
    {
        Invariant.Check(!_inBatch && Store.IsPublished);
        return new PinnedState(Store.PinHistory())
        {
            AppliedIndex = _index,
            AppliedTerm = _term,
            Leases = Array.ConvertAll(Leases.Snapshot(), static lease => new Lease { ID = lease.Id, TTL = lease.Ttl, RemainingTTL = lease.RemainingTtl }),
            Alarms = Alarms.Get(AlarmType.None),
            Auth = Auth.View,
            Members = Members.Members,
            Removed = Members.Removed,
            ClusterVersion = Members.ClusterVersion,
            DowngradeTarget = Members.DowngradeTarget,
            ConfState = _confState,
        };
    }
}
