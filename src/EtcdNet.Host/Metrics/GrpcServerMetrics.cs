using EtcdNet.Protocol;
using EtcdNet.Server.Metrics;

namespace EtcdNet.Host.Metrics;

/// <summary>
/// grpc_server_*: dashboards compute open watch and lease streams as started minus handled, so both exist with zeros for
/// every method and code from the start.
/// </summary>
public sealed class GrpcServerMetrics
{
    private static readonly string[] MethodLabels = ["grpc_method", "grpc_service", "grpc_type"];
    private readonly Dictionary<GrpcMethod, GrpcMethodMetrics> methods;

    /// <summary>Defines the metrics in <paramref name="registry"/>, with the histogram only when <paramref name="extensive"/>.</summary>
    public GrpcServerMetrics(MetricsRegistry registry, IEnumerable<GrpcMethod> methods, bool extensive)
    {
        var started = registry.Counters("grpc_server_started_total", "Total number of RPCs started on the server.", MethodLabels, striped: true);
        var handled = registry.Counters("grpc_server_handled_total",
            "Total number of RPCs completed on the server, regardless of success or failure.", ["grpc_code", .. MethodLabels]);
        var received = registry.Counters("grpc_server_msg_received_total", "Total number of RPC stream messages received on the server.", MethodLabels, striped: true);
        var sent = registry.Counters("grpc_server_msg_sent_total", "Total number of gRPC stream messages sent by the server.", MethodLabels, striped: true);
        var handling = extensive
            ? registry.Histograms("grpc_server_handling_seconds",
                "Histogram of response latency (seconds) of gRPC that had been application-level handled by the server.", Buckets.Default, MethodLabels)
            : null;
        this.methods = methods.ToDictionary(method => method, method => new GrpcMethodMetrics(
            started.With(method.Method, method.Service, method.Type),
            received.With(method.Method, method.Service, method.Type),
            sent.With(method.Method, method.Service, method.Type),
            Enum.GetValues<GrpcStatus>().Select(code => handled.With(code.ToString(), method.Method, method.Service, method.Type)).ToArray(),
            handling?.With(method.Method, method.Service, method.Type)));
    }

    /// <summary>The metrics of one method; keep them, this is a dictionary lookup.</summary>
    public GrpcMethodMetrics this[GrpcMethod method] => methods[method];
}
