using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Corruption;
using EtcdNet.Server.Leasing;
using EtcdNet.StateMachine.Mvcc;
using Member = EtcdNet.StateMachine.Cluster.Member;

namespace EtcdNet.Server.Membership;

/// <summary>Answers what other members ask this one, as the leader or not at all: nothing is passed on twice.</summary>
internal sealed class MemberQuestions(
    ulong clusterId, LeaseRouter leases, MembershipChanges changes, StateMachine.StateMachine machine, OwnHash own) : IPeerQuestions
{
    /// <inheritdoc/>
    public bool IsDowngradeEnabled => machine.Members.DowngradeTarget is not null;

    /// <inheritdoc/>
    public ulong ClusterId => clusterId;

    /// <inheritdoc/>
    public async ValueTask<HashKVResponse> HashKvAsync(long revision, CancellationToken cancellation)
    {
        ReadView view = machine.Store.View;
        KvHashResult hash = await own.AtAsync(revision, cancellation).ConfigureAwait(false)
            ?? new KvHashResult(0, revision, view.CompactRevision, view.CurrentRevision);
        return new HashKVResponse
        {
            Header = new ResponseHeader { Revision = hash.CurrentRevision },
            Hash = hash.Hash,
            CompactRevision = hash.CompactRevision,
            HashRevision = hash.Revision,
        };
    }

    /// <inheritdoc/>
    public ValueTask<long> RenewLeaseAsync(long id, CancellationToken cancellation) => leases.RenewHereAsync(id, cancellation);

    /// <inheritdoc/>
    public ValueTask<LeaseTimeToLiveResponse?> LeaseTimeToLiveAsync(LeaseTimeToLiveRequest request, CancellationToken cancellation) =>
        leases.TimeToLiveHereAsync(request, cancellation);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Member>> PromoteAsync(ulong id, CancellationToken cancellation) => changes.PromoteHereAsync(id, cancellation);
}
