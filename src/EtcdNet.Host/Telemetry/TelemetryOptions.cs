namespace EtcdNet.Host.Telemetry;

/// <summary>What is sent to a collector of the OpenTelemetry protocol, and as whom.</summary>
public sealed record TelemetryOptions
{
    /// <summary>A span per call (<c>--enable-distributed-tracing</c>).</summary>
    public bool Traces { get; init; }

    /// <summary>The metrics of <c>/metrics</c> (<c>--etcdnet-otlp-metrics</c>).</summary>
    public bool Metrics { get; init; }

    /// <summary>The lines of the log (<c>--etcdnet-otlp-logs</c>).</summary>
    public bool Logs { get; init; }

    /// <summary>host:port of the collector's gRPC receiver (<c>--distributed-tracing-address</c>).</summary>
    public string Address { get; init; } = "localhost:4317";

    /// <summary>The attribute service.name (<c>--distributed-tracing-service-name</c>).</summary>
    public string ServiceName { get; init; } = "etcd";

    /// <summary>The attribute service.instance.id, left out when empty (<c>--distributed-tracing-instance-id</c>).</summary>
    public string InstanceId { get; init; } = "";

    /// <summary>Calls traced out of a million that come without a decision of their client (<c>--distributed-tracing-sampling-rate</c>).</summary>
    public int SamplesPerMillion { get; init; }

    /// <summary>Time between two sendings of the metrics (<c>--etcdnet-otlp-metrics-interval</c>).</summary>
    public TimeSpan MetricsInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>True when anything is sent.</summary>
    public bool Any => Traces || Metrics || Logs;
}
