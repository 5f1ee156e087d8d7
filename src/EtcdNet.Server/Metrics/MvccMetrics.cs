namespace EtcdNet.Server.Metrics;

/// <summary>etcd's metrics of keys, revisions, watches and compaction; names, help and buckets are those of etcd 3.6.</summary>
public sealed class MvccMetrics(MetricsRegistry registry)
{
    /// <summary>Total size of the underlying database physically allocated in bytes.</summary>
    public Gauge DbSize { get; } = registry.Gauge("etcd_mvcc_db_total_size_in_bytes",
            "Total size of the underlying database physically allocated in bytes.");

    /// <summary>Total size of the underlying database logically in use in bytes.</summary>
    public Gauge DbSizeInUse { get; } = registry.Gauge("etcd_mvcc_db_total_size_in_use_in_bytes",
            "Total size of the underlying database logically in use in bytes.");

    /// <summary>The number of currently open read transactions.</summary>
    public Gauge DbOpenReads { get; } = registry.Gauge("etcd_mvcc_db_open_read_transactions",
            "The number of currently open read transactions");

    /// <summary>Total number of puts seen by this member.</summary>
    public Counter Puts { get; } = registry.Counter("etcd_mvcc_put_total",
            "Total number of puts seen by this member.");

    /// <summary>Total number of deletes seen by this member.</summary>
    public Counter Deletes { get; } = registry.Counter("etcd_mvcc_delete_total",
            "Total number of deletes seen by this member.");

    /// <summary>Total number of ranges seen by this member.</summary>
    public Counter Ranges { get; } = registry.Counter("etcd_mvcc_range_total",
            "Total number of ranges seen by this member.", striped: true);

    /// <summary>Total number of txns seen by this member.</summary>
    public Counter Txns { get; } = registry.Counter("etcd_mvcc_txn_total",
            "Total number of txns seen by this member.");

    /// <summary>The latency distribution of storage hash operation.</summary>
    public Histogram HashDuration { get; } = registry.Histogram("etcd_mvcc_hash_duration_seconds",
            "The latency distribution of storage hash operation.", Buckets.Exponential(.01, 2, 15));

    /// <summary>The latency distribution of storage hash by revision operation.</summary>
    public Histogram HashRevDuration { get; } = registry.Histogram("etcd_mvcc_hash_rev_duration_seconds",
            "The latency distribution of storage hash by revision operation.", Buckets.Exponential(.01, 2, 15));

    /// <summary>Total number of keys.</summary>
    public Gauge Keys { get; } = registry.Gauge("etcd_debugging_mvcc_keys_total",
            "Total number of keys.");

    /// <summary>The current revision of store.</summary>
    public Gauge CurrentRevision { get; } = registry.Gauge("etcd_debugging_mvcc_current_revision",
            "The current revision of store.");

    /// <summary>The revision of the last compaction in store.</summary>
    public Gauge CompactRevision { get; } = registry.Gauge("etcd_debugging_mvcc_compact_revision",
            "The revision of the last compaction in store.");

    /// <summary>The total size of put kv pairs seen by this member.</summary>
    public Gauge PutSize { get; } = registry.Gauge("etcd_debugging_mvcc_total_put_size_in_bytes",
            "The total size of put kv pairs seen by this member.");

    /// <summary>Total number of watchers.</summary>
    public Gauge Watchers { get; } = registry.Gauge("etcd_debugging_mvcc_watcher_total",
            "Total number of watchers.");

    /// <summary>Total number of watch streams.</summary>
    public Gauge WatchStreams { get; } = registry.Gauge("etcd_debugging_mvcc_watch_stream_total",
            "Total number of watch streams.");

    /// <summary>Total number of unsynced slow watchers.</summary>
    public Gauge SlowWatchers { get; } = registry.Gauge("etcd_debugging_mvcc_slow_watcher_total",
            "Total number of unsynced slow watchers.");

    /// <summary>Total number of events sent by this member.</summary>
    public Counter Events { get; } = registry.Counter("etcd_debugging_mvcc_events_total",
            "Total number of events sent by this member.");

    /// <summary>Total number of pending events to be sent.</summary>
    public Gauge PendingEvents { get; } = registry.Gauge("etcd_debugging_mvcc_pending_events_total",
            "Total number of pending events to be sent.");

    /// <summary>Total number of db keys compacted.</summary>
    public Counter CompactedKeys { get; } = registry.Counter("etcd_debugging_mvcc_db_compaction_keys_total",
            "Total number of db keys compacted.");

    /// <summary>The unix time of the last db compaction. Resets to 0 on start.</summary>
    public Gauge LastCompaction { get; } = registry.Gauge("etcd_debugging_mvcc_db_compaction_last",
            "The unix time of the last db compaction. Resets to 0 on start.");

    /// <summary>Bucketed histogram of db compaction pause duration.</summary>
    public Histogram CompactionPause { get; } = registry.Histogram("etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds",
            "Bucketed histogram of db compaction pause duration.", Buckets.Exponential(1, 2, 13));

    /// <summary>Bucketed histogram of db compaction total duration.</summary>
    public Histogram CompactionTotal { get; } = registry.Histogram("etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
            "Bucketed histogram of db compaction total duration.", Buckets.Exponential(100, 2, 14));

    /// <summary>Bucketed histogram of index compaction pause duration.</summary>
    public Histogram IndexCompactionPause { get; } = registry.Histogram("etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds",
            "Bucketed histogram of index compaction pause duration.", Buckets.Exponential(0.5, 2, 14));
}
