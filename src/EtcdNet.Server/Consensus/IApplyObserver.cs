using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine;

namespace EtcdNet.Server.Consensus;

/// <summary>Told of every request that was applied, on the applier's thread: it must be quick and must not throw.</summary>
internal interface IApplyObserver
{
    /// <summary>One request was applied.</summary>
    void Applied(InternalRaftRequest request, in ApplyResult result, TimeSpan took);
}
