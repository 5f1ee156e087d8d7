namespace EtcdNet.Server.Metrics;

/// <summary>etcd's metrics of write-ahead log, store and snapshots; names, help and buckets are those of etcd 3.6.</summary>
public sealed class DiskMetrics(MetricsRegistry registry)
{
    /// <summary>The latency distributions of fsync called by WAL.</summary>
    public Histogram WalFsync { get; } = registry.Histogram("etcd_disk_wal_fsync_duration_seconds",
            "The latency distributions of fsync called by WAL.", Buckets.Disk);

    /// <summary>The latency distributions of write called by WAL.</summary>
    public Histogram WalWrite { get; } = registry.Histogram("etcd_disk_wal_write_duration_seconds",
            "The latency distributions of write called by WAL.", Buckets.Disk);

    /// <summary>Total number of bytes written in WAL.</summary>
    public Gauge WalWriteBytes { get; } = registry.Gauge("etcd_disk_wal_write_bytes_total",
            "Total number of bytes written in WAL.");

    /// <summary>The latency distributions of commit called by backend.</summary>
    public Histogram BackendCommit { get; } = registry.Histogram("etcd_disk_backend_commit_duration_seconds",
            "The latency distributions of commit called by backend.", Buckets.Disk);

    /// <summary>The latency distribution of backend defragmentation.</summary>
    public Histogram BackendDefrag { get; } = registry.Histogram("etcd_disk_backend_defrag_duration_seconds",
            "The latency distribution of backend defragmentation.", Buckets.Exponential(.1, 2, 13));

    /// <summary>The latency distribution of backend snapshots.</summary>
    public Histogram BackendSnapshot { get; } = registry.Histogram("etcd_disk_backend_snapshot_duration_seconds",
            "The latency distribution of backend snapshots.", Buckets.Exponential(.01, 2, 17));

    /// <summary>Whether or not defrag is active on the member. 1 means active, 0 means not.</summary>
    public Gauge DefragInflight { get; } = registry.Gauge("etcd_disk_defrag_inflight",
            "Whether or not defrag is active on the member. 1 means active, 0 means not.");

    /// <summary>The latency distributions of fsync called by snap.</summary>
    public Histogram SnapFsync { get; } = registry.Histogram("etcd_snap_fsync_duration_seconds",
            "The latency distributions of fsync called by snap.", Buckets.Disk);

    /// <summary>The latency distributions of fsyncing a snapshot that came from the leader.</summary>
    public Histogram ReceivedFsync { get; } = registry.Histogram("etcd_snap_db_fsync_duration_seconds",
            "The latency distributions of fsyncing .snap.db file", Buckets.Disk);

    /// <summary>The total latency distributions of saving a snapshot that came from the leader.</summary>
    public Histogram ReceivedSave { get; } = registry.Histogram("etcd_snap_db_save_total_duration_seconds",
            "The total latency distributions of v3 snapshot save", Buckets.Exponential(0.1, 2, 10));

    /// <summary>The total latency distributions of save called by snapshot.</summary>
    public Histogram SnapSave { get; } = registry.Histogram("etcd_debugging_snap_save_total_duration_seconds",
            "The total latency distributions of save called by snapshot.", Buckets.Disk);
}
