namespace EtcdNet.Server.Metrics;

/// <summary>etcd's metrics of leases and authentication; names, help and buckets are those of etcd 3.6.</summary>
public sealed class LeaseMetrics(MetricsRegistry registry)
{
    /// <summary>The total number of granted leases.</summary>
    public Counter LeasesGranted { get; } = registry.Counter("etcd_debugging_lease_granted_total",
            "The total number of granted leases.");

    /// <summary>The total number of revoked leases.</summary>
    public Counter LeasesRevoked { get; } = registry.Counter("etcd_debugging_lease_revoked_total",
            "The total number of revoked leases.");

    /// <summary>The number of renewed leases seen by the leader.</summary>
    public Counter LeasesRenewed { get; } = registry.Counter("etcd_debugging_lease_renewed_total",
            "The number of renewed leases seen by the leader.");

    /// <summary>The total number of expired leases.</summary>
    public Counter LeasesExpired { get; } = registry.Counter("etcd_debugging_server_lease_expired_total",
            "The total number of expired leases.");

    /// <summary>Bucketed histogram of lease TTLs.</summary>
    public Histogram LeaseTtl { get; } = registry.Histogram("etcd_debugging_lease_ttl_total",
            "Bucketed histogram of lease TTLs.", Buckets.Exponential(1, 2, 24));

    /// <summary>The current revision of auth store.</summary>
    public Gauge AuthRevision { get; } = registry.Gauge("etcd_debugging_auth_revision",
            "The current revision of auth store.");
}
