using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Leasing;
using EtcdNet.StateMachine.Cluster;
using Member = EtcdNet.StateMachine.Cluster.Member;

namespace EtcdNet.Server.Membership;

/// <summary>Answers what other members ask this one, as the leader or not at all: nothing is passed on twice.</summary>
internal sealed class MemberQuestions(LeaseRouter leases, MembershipChanges changes, MemberStore members) : IPeerQuestions
{
    /// <inheritdoc/>
    public bool IsDowngradeEnabled => members.DowngradeTarget is not null;

    /// <inheritdoc/>
    public ValueTask<long> RenewLeaseAsync(long id, CancellationToken cancellation) => leases.RenewHereAsync(id, cancellation);

    /// <inheritdoc/>
    public ValueTask<LeaseTimeToLiveResponse?> LeaseTimeToLiveAsync(LeaseTimeToLiveRequest request, CancellationToken cancellation) =>
        leases.TimeToLiveHereAsync(request, cancellation);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Member>> PromoteAsync(ulong id, CancellationToken cancellation) => changes.PromoteHereAsync(id, cancellation);
}
