using EtcdNet.Server.Metrics;

namespace EtcdNet.Peer.Transport;

/// <summary>etcd's metrics of the traffic between members; names, help and buckets are those of etcd 3.6. Labels are ids in hex.</summary>
public sealed class PeerMetrics(MetricsRegistry registry)
{
    private static readonly double[] RoundTripBuckets = Buckets.Exponential(0.0001, 2, 16);
    private static readonly double[] SnapshotBuckets = Buckets.Exponential(0.1, 2, 10);

    /// <summary>1 while a stream of that member is connected.</summary>
    public MetricFamily<Gauge> ActivePeers { get; } = registry.Gauges("etcd_network_active_peers",
        "The current number of active peer connections.", ["Local", "Remote"]);

    /// <summary>Times that a member was lost.</summary>
    public MetricFamily<Counter> DisconnectedPeers { get; } = registry.Counters("etcd_network_disconnected_peers_total",
        "The total number of disconnected peers.", ["Local", "Remote"]);

    /// <summary>1 for every member that is known.</summary>
    public MetricFamily<Gauge> KnownPeers { get; } = registry.Gauges("etcd_network_known_peers",
        "The current number of known peers.", ["Local", "Remote"]);

    /// <summary>Bytes of streams and of the pipeline.</summary>
    public MetricFamily<Counter> SentBytes { get; } = registry.Counters("etcd_network_peer_sent_bytes_total",
        "The total number of bytes sent to peers.", ["To"]);

    /// <summary>Bytes of streams and of the pipeline.</summary>
    public MetricFamily<Counter> ReceivedBytes { get; } = registry.Counters("etcd_network_peer_received_bytes_total",
        "The total number of bytes received from peers.", ["From"]);

    /// <summary>Messages that were dropped or failed.</summary>
    public MetricFamily<Counter> SendFailures { get; } = registry.Counters("etcd_network_peer_sent_failures_total",
        "The total number of send failures from peers.", ["To"]);

    /// <summary>Streams that broke or sent something wrong.</summary>
    public MetricFamily<Counter> ReceiveFailures { get; } = registry.Counters("etcd_network_peer_received_failures_total",
        "The total number of receive failures from peers.", ["From"]);

    /// <summary>Time from a probe to its answer.</summary>
    public MetricFamily<Histogram> RoundTrip { get; } = registry.Histograms("etcd_network_peer_round_trip_time_seconds",
        "Round-Trip-Time histogram between peers", RoundTripBuckets, ["To"]);

    /// <summary>Snapshots that arrived.</summary>
    public MetricFamily<Counter> SnapshotSends { get; } = registry.Counters("etcd_network_snapshot_send_success",
        "Total number of successful snapshot sends", ["To"]);

    /// <summary>Snapshots that did not.</summary>
    public MetricFamily<Counter> SnapshotSendFailures { get; } = registry.Counters("etcd_network_snapshot_send_failures",
        "Total number of snapshot send failures", ["To"]);

    /// <summary>Snapshots on their way.</summary>
    public MetricFamily<Gauge> SnapshotSendsInFlight { get; } = registry.Gauges("etcd_network_snapshot_send_inflights_total",
        "Total number of inflight snapshot sends", ["To"]);

    /// <summary>How long sending took.</summary>
    public MetricFamily<Histogram> SnapshotSendDuration { get; } = registry.Histograms("etcd_network_snapshot_send_total_duration_seconds",
        "Total latency distributions of v3 snapshot sends", SnapshotBuckets, ["To"]);

    /// <summary>Snapshots that were saved.</summary>
    public MetricFamily<Counter> SnapshotReceives { get; } = registry.Counters("etcd_network_snapshot_receive_success",
        "Total number of successful snapshot receives", ["From"]);

    /// <summary>Snapshots that were not.</summary>
    public MetricFamily<Counter> SnapshotReceiveFailures { get; } = registry.Counters("etcd_network_snapshot_receive_failures",
        "Total number of snapshot receive failures", ["From"]);

    /// <summary>Snapshots that are coming in.</summary>
    public MetricFamily<Gauge> SnapshotReceivesInFlight { get; } = registry.Gauges("etcd_network_snapshot_receive_inflights_total",
        "Total number of inflight snapshot receives", ["From"]);

    /// <summary>How long receiving took.</summary>
    public MetricFamily<Histogram> SnapshotReceiveDuration { get; } = registry.Histograms("etcd_network_snapshot_receive_total_duration_seconds",
        "Total latency distributions of v3 snapshot receives", SnapshotBuckets, ["From"]);
}
