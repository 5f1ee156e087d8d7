namespace EtcdNet.Host.Configuration;

public static partial class FlagTable
{
    /// <summary>What etcd has no flag for. All names begin with etcdnet-, so that none is ever in the way of one of etcd's.</summary>
    private static Flag[] OwnFlags =>
    [
        new("etcdnet-otlp-metrics", FlagKind.Bool, "false", FlagGroup.Tracing, FlagStatus.Built,
            "Send the metrics of /metrics to the collector of --distributed-tracing-address as well.") { Versions = "EtcdNet" },
        new("etcdnet-otlp-metrics-interval", FlagKind.Duration, "1m", FlagGroup.Tracing, FlagStatus.Built,
            "Time between two sendings of the metrics; at least 1s.") { Versions = "EtcdNet" },
        new("etcdnet-otlp-logs", FlagKind.Bool, "false", FlagGroup.Tracing, FlagStatus.Built,
            "Send the lines of the log to the collector of --distributed-tracing-address as well.") { Versions = "EtcdNet" },
    ];
}
