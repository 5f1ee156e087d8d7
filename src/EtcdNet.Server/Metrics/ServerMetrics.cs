namespace EtcdNet.Server.Metrics;

/// <summary>
/// etcd's metrics that the server itself counts, with zeros from the start. Counters and histograms are called where the
/// thing happens; gauges are best bound to their source (<see cref="Gauge.Bind"/>), which costs nothing between scrapes.
/// </summary>
public sealed class ServerMetrics(MetricsRegistry registry)
{
    /// <summary>Most values of client-api-version that get a series; clients choose that text.</summary>
    private const int ClientVersionsMax = 64;

    private const int ClientVersionLengthMax = 32;

    private volatile ClientCounters? lastClient;

    /// <summary>Raft, apply and requests.</summary>
    public ConsensusMetrics Consensus { get; } = new(registry);

    /// <summary>Health checks and the network.</summary>
    public HealthMetrics Health { get; } = new(registry);

    /// <summary>Write-ahead log, store, snapshots.</summary>
    public DiskMetrics Disk { get; } = new(registry);

    /// <summary>Keys, revisions, watches, compaction.</summary>
    public MvccMetrics Mvcc { get; } = new(registry);

    /// <summary>Leases and authentication.</summary>
    public LeaseMetrics Lease { get; } = new(registry);

    /// <summary>
    /// Counts one request (<c>unary</c> or <c>stream</c>) of a client that calls itself
    /// <paramref name="clientApiVersion"/>. Texts beyond the limit count as <c>unknown</c>.
    /// </summary>
    public void CountClientRequest(string clientApiVersion, bool stream)
    {
        // Nearly all clients of a cluster have one version, so the last one seen spares the dictionary.
        var last = lastClient;
        if (last is null || last.Version != clientApiVersion) lastClient = last = FindClient(clientApiVersion);
        (stream ? last.Stream : last.Unary).Add();
    }

    /// <summary>Notes how long one entry took to apply. <paramref name="op"/> is etcd's name: <c>Range</c>, <c>Put</c>, <c>Txn</c>, …</summary>
    public void ObserveApply(string op, bool success, TimeSpan duration) =>
        Consensus.ApplyDuration.With(op, success ? "true" : "false", "v3").Observe(duration);

    /// <summary>Notes how long one range took.</summary>
    public void ObserveRange(bool success, TimeSpan duration) =>
        Consensus.RangeDuration.With(success ? "true" : "false").Observe(duration);

    /// <summary>Notes the result of one health check of <c>livez</c> or <c>readyz</c>.</summary>
    public void ObserveHealthCheck(string type, string name, bool success)
    {
        Health.HealthCheck.With(name, type).Set(success ? 1 : 0);
        Health.HealthChecks.With(name, success ? "success" : "error", type).Add();
    }

    private ClientCounters FindClient(string version)
    {
        var family = Consensus.ClientRequests;
        var label = version;
        if (version.Length is 0 or > ClientVersionLengthMax
            || (!family.Has(version, "unary") && family.Count >= 2 * ClientVersionsMax))
            label = "unknown";
        return new ClientCounters(version, family.With(label, "unary"), family.With(label, "stream"));
    }

    private sealed record ClientCounters(string Version, Counter Unary, Counter Stream);
}
