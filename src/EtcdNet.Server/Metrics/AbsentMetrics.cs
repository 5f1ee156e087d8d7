namespace EtcdNet.Server.Metrics;

/// <summary>
/// Metrics of parts that etcd has and EtcdNet has not: the v2 store, the proxy, the phases of a bbolt commit. The zeros are true,
/// and a dashboard that adds them up finds the names.
/// </summary>
public static class AbsentMetrics
{
    /// <summary>Defines them.</summary>
    public static void Define(MetricsRegistry registry)
    {
        registry.Histogram("etcd_debugging_disk_backend_commit_rebalance_duration_seconds",
            "The latency distributions of commit.rebalance called by bboltdb backend.", Buckets.Disk);
        registry.Histogram("etcd_debugging_disk_backend_commit_spill_duration_seconds",
            "The latency distributions of commit.spill called by bboltdb backend.", Buckets.Disk);
        registry.Histogram("etcd_debugging_disk_backend_commit_write_duration_seconds",
            "The latency distributions of commit.write called by bboltdb backend.", Buckets.Disk);
        registry.Histogram("etcd_debugging_snap_save_marshalling_duration_seconds",
            "The marshalling cost distributions of save called by snapshot.", Buckets.Disk);
        DefineStore(registry);
        DefineProxy(registry);
    }

    private static void DefineStore(MetricsRegistry registry)
    {
        registry.Counter("etcd_debugging_store_expires_total", "Total number of expired keys.");
        MetricFamily<Counter> reads = registry.Counters("etcd_debugging_store_reads_total",
            "Total number of reads action by (get/getRecursive), local to this member.", ["action"]);
        reads.With("get");
        reads.With("getRecursive");
        registry.Counter("etcd_debugging_store_watch_requests_total", "Total number of incoming watch requests (new or reestablished).");
        registry.Gauge("etcd_debugging_store_watchers", "Count of currently active watchers.");
        MetricFamily<Counter> writes = registry.Counters("etcd_debugging_store_writes_total",
            "Total number of writes (e.g. set/compareAndDelete) seen by this member.", ["action"]);
        writes.With("create");
        writes.With("set");
    }

    private static void DefineProxy(MetricsRegistry registry)
    {
        registry.Gauge("etcd_grpc_proxy_cache_hits_total", "Total number of cache hits");
        registry.Gauge("etcd_grpc_proxy_cache_keys_total", "Total number of keys/ranges cached");
        registry.Gauge("etcd_grpc_proxy_cache_misses_total", "Total number of cache misses");
        registry.Counter("etcd_grpc_proxy_events_coalescing_total", "Total number of events coalescing");
        registry.Gauge("etcd_grpc_proxy_watchers_coalescing_total", "Total number of current watchers coalescing");
    }
}
