using EtcdNet.Protocol.Etcdserverpb;

namespace EtcdNet.Server.Leasing;

/// <summary>Asks the leader about its clock on behalf of a member that does not lead (etcd's /leases and /leases/internal).</summary>
public interface ILeaseForwarder
{
    /// <summary>Renews a lease.</summary>
    /// <returns>The full TTL in seconds; 0 when the leader does not know the lease.</returns>
    /// <exception cref="StateMachine.Errors.EtcdException">The leader cannot be reached or leads no more.</exception>
    ValueTask<long> RenewAsync(ulong leader, long id, CancellationToken cancellation);

    /// <summary>Asks for the remaining time; the header of the answer is not used. Null when the leader does not know the lease.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">The leader cannot be reached or leads no more.</exception>
    ValueTask<LeaseTimeToLiveResponse?> TimeToLiveAsync(
        ulong leader, LeaseTimeToLiveRequest request, CancellationToken cancellation);
}
