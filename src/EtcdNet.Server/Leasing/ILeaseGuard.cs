using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Services;

namespace EtcdNet.Server.Leasing;

/// <summary>What a lease call does to the keys of the lease.</summary>
public enum LeaseAccess
{
    /// <summary>Names them or their lease (time-to-live with keys, list).</summary>
    Read,

    /// <summary>Lets them live longer (keep-alive).</summary>
    Write,
}

/// <summary>Permission for lease calls (surface rule 45).</summary>
public interface ILeaseGuard
{
    /// <summary>Returns when the caller may do this to every one of the keys; without keys, when it is any user. The keys are looked at only if they matter.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">It may not.</exception>
    ValueTask CheckAsync(CallContext context, LeaseAccess access, IEnumerable<ReadOnlyMemory<byte>> keys);

    /// <summary>Puts the caller into the header of a request that is about to be proposed.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">UserEmpty, or the token is not valid.</exception>
    ValueTask StampAsync(CallContext context, InternalRaftRequest request);
}
