using EtcdNet.Grpc;
using EtcdNet.Protocol;
using EtcdNet.Server.Metrics;
using Serilog;

namespace EtcdNet.Host.Metrics;

/// <summary>Counts calls, messages and bytes of the client port, and logs what a handler did not expect.</summary>
internal sealed class CallObserver : IGrpcObserver
{
    private readonly ServerMetrics _metrics;
    private readonly TimeSpan _slowUnary;
    private readonly ILogger _log;

    public CallObserver(
        IReadOnlyList<EtcdNet.Grpc.GrpcMethod> methods, MetricsRegistry registry, ServerMetrics metrics, bool extensive, TimeSpan slowUnary, ILogger log)
    {
        _metrics = metrics;
        _slowUnary = slowUnary;
        _log = log.ForContext<CallObserver>();
        var labels = methods.ToDictionary(method => method, method => new GrpcMethod(method.Service, method.Name, TypeOf(method.Kind)));
        var series = new GrpcServerMetrics(registry, labels.Values, extensive);
        foreach (EtcdNet.Grpc.GrpcMethod method in methods)
            method.Tag = series[labels[method]];
    }

    public void CallStarted(EtcdNet.Grpc.GrpcMethod method) => Of(method).Started.Add();

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

    public void CallHandled(EtcdNet.Grpc.GrpcMethod method, GrpcStatusCode code, TimeSpan elapsed)
    {
        Of(method).Handled((GrpcStatus)code, elapsed);
        if (elapsed >= _slowUnary && method.Kind == GrpcMethodKind.Unary)
        {
            _log.ForContext("method", method.Path).ForContext("code", code.ToString())
                .ForContext("took", elapsed).ForContext("expected-duration", _slowUnary)
                .Warning("request took too long");
        }
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
