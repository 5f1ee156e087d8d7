using EtcdNet.Server.Leasing;
using EtcdNet.StateMachine.Cluster;

namespace EtcdNet.Server.Membership;

/// <summary>Asks the leader for what only it can do, on behalf of a member that does not lead.</summary>
public interface ILeaderLink : ILeaseForwarder
{
    /// <summary>Asks it to make a learner a voter; gives the members after that.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">
    /// MemberNotFound, MemberNotLearner, LearnerNotReady; a time-out, or NotLeader when the asked one leads no more.
    /// </exception>
    ValueTask<IReadOnlyList<Member>> PromoteAsync(ulong leader, ulong id, CancellationToken cancellation);
}
