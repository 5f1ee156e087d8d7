using EtcdNet.Grpc;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Health;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Metrics;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;

namespace EtcdNet.Host.Rpc;

/// <summary>What every call passes before its service sees it, as etcd's interceptors do.</summary>
internal sealed class CallGate(ServerMetrics metrics, IConsensusStatus status)
{
    private const string UnknownVersion = "unknown";
    private static readonly HashSet<string> s_learnerStreams = ["/etcdserverpb.Maintenance/Snapshot", "/grpc.health.v1.Health/Watch"];

    /// <summary>Counts a unary call by the client's version, and refuses what a learner does not serve or what requires a leader that is not there.</summary>
    /// <exception cref="EtcdException">NotSupportedForLearner, NoLeader.</exception>
    public CallContext Enter(GrpcCall call, IMessage request)
    {
        metrics.CountClientRequest(call.Metadata("client-api-version") ?? UnknownVersion, stream: false);
        var context = new GrpcCallContext(call) { Request = request };
        call.State = context;
        ConsensusStatus now = status.Current;
        if (now.IsLearner && request is not (StatusRequest or RangeRequest { Serializable: true } or HealthCheckRequest or HealthListRequest))
            throw EtcdError.NotSupportedForLearner.ToException();
        if (now.Leader == 0 && context.RequireLeader)
            throw EtcdError.NoLeader.ToException();
        return context;
    }

    /// <summary>Counts a stream; that its leader is lost it finds out by itself.</summary>
    /// <exception cref="EtcdException">NotSupportedForLearner.</exception>
    public CallContext EnterStream(GrpcCall call, string path)
    {
        metrics.CountClientRequest(call.Metadata("client-api-version") ?? UnknownVersion, stream: true);
        if (status.Current.IsLearner && !s_learnerStreams.Contains(path))
            throw EtcdError.NotSupportedForLearner.ToException();
        return new GrpcCallContext(call);
    }
}
