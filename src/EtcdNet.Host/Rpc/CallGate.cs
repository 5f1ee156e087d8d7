using System.Text;
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
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly HashSet<string> s_learnerStreams = ["/etcdserverpb.Maintenance/Snapshot", "/grpc.health.v1.Health/Watch"];

    /// <summary>Counts a unary call by the client's version, and refuses what a learner does not serve or what requires a leader that is not there.</summary>
    /// <exception cref="EtcdException">InvalidClientAPIVersion, NotSupportedForLearner, NoLeader.</exception>
    public CallContext Enter(GrpcCall call, IMessage request)
    {
        metrics.CountClientRequest(VersionOf(call), stream: false);
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
    /// <exception cref="EtcdException">InvalidClientAPIVersion, NotSupportedForLearner.</exception>
    public CallContext EnterStream(GrpcCall call, string path)
    {
        metrics.CountClientRequest(VersionOf(call), stream: true);
        if (status.Current.IsLearner && !s_learnerStreams.Contains(path))
            throw EtcdError.NotSupportedForLearner.ToException();
        return new GrpcCallContext(call);
    }

    // The text becomes a label of a metric, and those are UTF-8 (etcd 3.6; 3.5 ends with a panic).
    private static string VersionOf(GrpcCall call)
    {
        string? version = call.Metadata("client-api-version");
        if (version is null)
            return UnknownVersion;
        if (Ascii.IsValid(version))
            return version;
        try
        {
            return s_utf8.GetString(Encoding.Latin1.GetBytes(version));
        }
        catch (DecoderFallbackException)
        {
            throw EtcdError.InvalidClientAPIVersion.ToException();
        }
    }
}
