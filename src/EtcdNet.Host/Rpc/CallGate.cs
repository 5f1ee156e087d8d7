using EtcdNet.Grpc;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Metrics;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Host.Rpc;

/// <summary>What every call passes before its service sees it, as etcd's interceptors do.</summary>
internal sealed class CallGate(ServerMetrics metrics, IConsensusStatus status)
{
    private const string UnknownVersion = "unknown";

    /// <summary>Counts the call by the client's version, and refuses it when it requires a leader and there is none.</summary>
    /// <exception cref="EtcdException">NoLeader, for a unary call; a stream finds out by itself.</exception>
    public CallContext Enter(GrpcCall call, bool stream)
    {
        metrics.CountClientRequest(call.Metadata("client-api-version") ?? UnknownVersion, stream);
        var context = new GrpcCallContext(call);
        if (!stream && context.RequireLeader && status.Current.Leader == 0)
            throw EtcdError.NoLeader.ToException();
        return context;
    }
}
