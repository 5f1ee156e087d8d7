using EtcdNet.Protocol.Etcdserverpb;
using Member = EtcdNet.StateMachine.Cluster.Member;

namespace EtcdNet.Server.Membership;

/// <summary>What other members ask this one outside of Raft, above all followers that pass on what only the leader can do.</summary>
public interface IPeerQuestions
{
    /// <summary>True while the cluster is being downgraded.</summary>
    bool IsDowngradeEnabled { get; }

    /// <summary>This cluster: who names another one is not answered.</summary>
    ulong ClusterId { get; }

    /// <summary>
    /// The hash of the keys as this member has them at a revision (0: now), without asking whether it is up to date; 0 when a record is
    /// damaged, which no healthy member has. One is computed at a time.
    /// </summary>
    /// <exception cref="StateMachine.Errors.EtcdException">Compacted, FutureRev.</exception>
    ValueTask<HashKVResponse> HashKvAsync(long revision, CancellationToken cancellation);

    /// <summary>Renews a lease by this member's clock.</summary>
    /// <returns>The full TTL in seconds; 0 when there is no such lease.</returns>
    /// <exception cref="StateMachine.Errors.EtcdException">This member does not lead, or is not up to date in time.</exception>
    ValueTask<long> RenewLeaseAsync(long id, CancellationToken cancellation);

    /// <summary>The time that a lease still has by this member's clock; null when there is no such lease.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">This member does not lead, or is not up to date in time.</exception>
    ValueTask<LeaseTimeToLiveResponse?> LeaseTimeToLiveAsync(LeaseTimeToLiveRequest request, CancellationToken cancellation);

    /// <summary>Makes a learner a voter; gives the members after that.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">MemberNotFound, MemberNotLearner, LearnerNotReady, or a time-out.</exception>
    ValueTask<IReadOnlyList<Member>> PromoteAsync(ulong id, CancellationToken cancellation);
}
