using System.Collections.Frozen;
using EtcdNet.Grpc;
using EtcdNet.Host.Rpc;
using EtcdNet.Host.Telemetry;
using EtcdNet.Protocol;
using EtcdNet.Server.Metrics;
using Serilog;

namespace EtcdNet.Host.Metrics;

/// <summary>Counts calls, messages and bytes of the client port, and logs what a handler did not expect.</summary>
internal sealed class CallObserver : IGrpcObserver
{
    private readonly ServerMetrics _metrics;
    private readonly SlowCalls _slow;
    private readonly CallTracing? _tracing;
    private readonly ILogger _log;
    private readonly FrozenDictionary<EtcdNet.Grpc.GrpcMethod, Action<GrpcStatusCode, TimeSpan>> _special;

    public CallObserver(
        IReadOnlyList<EtcdNet.Grpc.GrpcMethod> methods, MetricsRegistry registry, ServerMetrics metrics, bool extensive, SlowCalls slow, CallTracing? tracing, ILogger log)
    {
        _metrics = metrics;
        _slow = slow;
        _tracing = tracing;
        _log = log.ForContext<CallObserver>();
        var labels = methods.ToDictionary(method => method, method => new GrpcMethod(method.Service, method.Name, TypeOf(method.Kind)));
        var series = new GrpcServerMetrics(registry, labels.Values, extensive);
        foreach (EtcdNet.Grpc.GrpcMethod method in methods)
            method.Tag = series[labels[method]];
        Dictionary<string, Action<GrpcStatusCode, TimeSpan>> special = Special(metrics);
        _special = methods.Where(method => special.ContainsKey(method.Path)).ToFrozenDictionary(method => method, method => special[method.Path]);
    }

    /// <summary>etcd's own series for single RPCs. Its duration of a range begins after the wait for the quorum, ours before it.</summary>
    private static Dictionary<string, Action<GrpcStatusCode, TimeSpan>> Special(ServerMetrics metrics)
    {
        Histogram succeeded = metrics.Consensus.RangeDuration.With("true"), failed = metrics.Consensus.RangeDuration.With("false");
        return new(StringComparer.Ordinal)
        {
            ["/etcdserverpb.KV/Range"] = (code, elapsed) => (code == GrpcStatusCode.OK ? succeeded : failed).Observe(elapsed),
            ["/etcdserverpb.Maintenance/Hash"] = (_, elapsed) => metrics.Mvcc.HashDuration.Observe(elapsed),
            ["/etcdserverpb.Maintenance/HashKV"] = (_, elapsed) => metrics.Mvcc.HashRevDuration.Observe(elapsed),
            ["/etcdserverpb.Cluster/MemberPromote"] = (code, _) =>
                (code == GrpcStatusCode.OK ? metrics.Consensus.LearnerPromotions : metrics.Consensus.LearnerPromotionFailures.With(code.ToString())).Add(),
        };
    }

    public void CallStarted(GrpcCall call)
    {
        Of(call.Method).Started.Add();
        _tracing?.Begin(call);
    }

    public void MessageReceived(EtcdNet.Grpc.GrpcMethod method, int bytes)
    {
        Of(method).MessagesReceived.Add();
        _metrics.Health.ReceivedBytes.Add(bytes);
    }

    public void MessageSent(EtcdNet.Grpc.GrpcMethod method, int bytes)
    {
        Of(method).MessagesSent.Add();
        _metrics.Health.SentBytes.Add(bytes);
    }

    public void CallHandled(GrpcCall call, GrpcStatusCode code, string message, TimeSpan elapsed)
    {
        EtcdNet.Grpc.GrpcMethod method = call.Method;
        Of(method).Handled((GrpcStatus)code, elapsed);
        if (_special.TryGetValue(method, out Action<GrpcStatusCode, TimeSpan>? special))
            special(code, elapsed);
        if (_tracing is not null)
            CallTracing.End(call, code, message);
        _slow.Note(call, code, message, elapsed);
    }

    public void HandlerFailed(EtcdNet.Grpc.GrpcMethod method, Exception error) =>
        _log.ForContext("method", method.Path).Error(error, "handler failed");

    private static GrpcMethodMetrics Of(EtcdNet.Grpc.GrpcMethod method) => (GrpcMethodMetrics)method.Tag!;

    private static string TypeOf(GrpcMethodKind kind) => kind switch
    {
        GrpcMethodKind.Unary => "unary",
        GrpcMethodKind.ClientStreaming => "client_stream",
        GrpcMethodKind.ServerStreaming => "server_stream",
        _ => "bidi_stream",
    };
}
