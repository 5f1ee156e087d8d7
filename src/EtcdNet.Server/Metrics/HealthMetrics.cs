namespace EtcdNet.Server.Metrics;

/// <summary>etcd's metrics of health checks and the network; names, help and buckets are those of etcd 3.6.</summary>
public sealed class HealthMetrics(MetricsRegistry registry)
{
    /// <summary>The total number of successful health checks.</summary>
    public Counter HealthSuccess { get; } = registry.Counter("etcd_server_health_success",
            "The total number of successful health checks");

    /// <summary>The total number of failed health checks.</summary>
    public Counter HealthFailures { get; } = registry.Counter("etcd_server_health_failures",
            "The total number of failed health checks");

    /// <summary>The result of each kind of healthcheck.</summary>
    public MetricFamily<Gauge> HealthCheck { get; } = registry.Gauges("etcd_server_healthcheck",
            "The result of each kind of healthcheck.", ["name", "type"]);

    /// <summary>The total number of each kind of healthcheck.</summary>
    public MetricFamily<Counter> HealthChecks { get; } = registry.Counters("etcd_server_healthchecks_total",
            "The total number of each kind of healthcheck.", ["name", "status", "type"]);

    /// <summary>The total number of bytes received from grpc clients.</summary>
    public Counter ReceivedBytes { get; } = registry.Counter("etcd_network_client_grpc_received_bytes_total",
            "The total number of bytes received from grpc clients.", striped: true);

    /// <summary>The total number of bytes sent to grpc clients.</summary>
    public Counter SentBytes { get; } = registry.Counter("etcd_network_client_grpc_sent_bytes_total",
            "The total number of bytes sent to grpc clients.", striped: true);
}
