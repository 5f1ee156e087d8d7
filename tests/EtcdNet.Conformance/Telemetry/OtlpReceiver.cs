using System.Collections.Concurrent;
using System.Net;
using EtcdNet.Grpc;
using EtcdNet.Protocol.Otlp;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Telemetry;

/// <summary>A collector of the OpenTelemetry protocol that keeps what it is sent.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private readonly GrpcHost _host;

    private OtlpReceiver(int port)
    {
        Address = $"127.0.0.1:{port}";
        _host = new GrpcHost(
            new GrpcServerOptions { MaxReceiveMessageSize = 16 << 20 }, [new GrpcEndpoint { Address = new IPEndPoint(IPAddress.Loopback, port) }],
            [
                GrpcMethod.Unary<ExportTraceServiceRequest, ExportServiceResponse>(
                    "/opentelemetry.proto.collector.trace.v1.TraceService/Export", ExportTraceServiceRequest.Parser, (request, _) => Keep(Traces, request)),
                GrpcMethod.Unary<ExportMetricsServiceRequest, ExportServiceResponse>(
                    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", ExportMetricsServiceRequest.Parser, (request, _) => Keep(Metrics, request)),
                GrpcMethod.Unary<ExportLogsServiceRequest, ExportServiceResponse>(
                    "/opentelemetry.proto.collector.logs.v1.LogsService/Export", ExportLogsServiceRequest.Parser, (request, _) => Keep(Logs, request)),
            ]);
    }

    /// <summary>host:port.</summary>
    public string Address { get; }

    public ConcurrentQueue<ExportTraceServiceRequest> Traces { get; } = new();

    public ConcurrentQueue<ExportMetricsServiceRequest> Metrics { get; } = new();

    public ConcurrentQueue<ExportLogsServiceRequest> Logs { get; } = new();

    /// <summary>All spans so far.</summary>
    public IReadOnlyList<Span> Spans => [.. Traces.SelectMany(request => request.ResourceSpans).SelectMany(resource => resource.ScopeSpans).SelectMany(scope => scope.Spans)];

    /// <summary>All log records so far.</summary>
    public IReadOnlyList<LogRecord> Records => [.. Logs.SelectMany(request => request.ResourceLogs).SelectMany(resource => resource.ScopeLogs).SelectMany(scope => scope.LogRecords)];

    public static async Task<OtlpReceiver> StartAsync(int? port = null)
    {
        var receiver = new OtlpReceiver(port ?? FreePorts.Take(1)[0]);
        await receiver._host.StartAsync();
        return receiver;
    }

    /// <summary>Waits for a span.</summary>
    public async Task<Span> SpanAsync(Func<Span, bool> wanted)
    {
        await Deadline.UntilAsync(() => Task.FromResult(Spans.Any(wanted)), s_limit);
        return Spans.First(wanted);
    }

    /// <summary>Attributes by name, values as text.</summary>
    public static Dictionary<string, string> Attributes(IEnumerable<KeyValue> attributes) => attributes.ToDictionary(
        attribute => attribute.Key,
        attribute => attribute.Value.ValueCase switch
        {
            AnyValue.ValueOneofCase.StringValue => attribute.Value.StringValue,
            AnyValue.ValueOneofCase.IntValue => $"{attribute.Value.IntValue}",
            AnyValue.ValueOneofCase.DoubleValue => $"{attribute.Value.DoubleValue}",
            _ => attribute.Value.ToString(),
        });

    public async ValueTask DisposeAsync() => await _host.DisposeAsync();

    private static ValueTask<ExportServiceResponse> Keep<T>(ConcurrentQueue<T> queue, T request)
    {
        queue.Enqueue(request);
        return new(new ExportServiceResponse());
    }
}
