using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine;
using Serilog;

namespace EtcdNet.Server.Metrics;

/// <summary>How long each kind of request takes to apply, and a line in the log, in etcd's words, for one that takes too long.</summary>
internal sealed class ApplyMetrics(ServerMetrics metrics, TimeSpan slow, ILogger log) : IApplyObserver
{
    private readonly ILogger _log = log.ForContext<ApplyMetrics>();
    // One thread applies, so the series are found without a lock.
    private readonly Dictionary<(string Operation, bool Success), Histogram> _series = [];
    private long _slowTotal;

    /// <summary>Requests that took too long. Any thread.</summary>
    public long SlowTotal => Interlocked.Read(ref _slowTotal);

    /// <inheritdoc/>
    public void Applied(InternalRaftRequest request, in ApplyResult result, TimeSpan took)
    {
        (string, bool) key = (RequestText.Operation(request), result.Error is null);
        if (!_series.TryGetValue(key, out Histogram? series))
            _series[key] = series = metrics.Consensus.ApplyDuration.With(key.Item1, key.Item2 ? "true" : "false", "v3");
        series.Observe(took);
        if (result.Response is LeaseGrantResponse lease)
            metrics.Lease.LeaseTtl.Observe(lease.TTL);
        if (took >= slow)
            Warn(request, result, took);
    }

    private void Warn(InternalRaftRequest request, in ApplyResult result, TimeSpan took)
    {
        Interlocked.Increment(ref _slowTotal);
        ILogger line = _log.ForContext("took", took).ForContext("expected-duration", slow).ForContext("prefix", "")
            .ForContext("request", RequestText.Of(request)).ForContext("response", result.Response is { } response ? $"size:{response.CalculateSize()}" : "");
        if (result.Error is { } error)
            line = line.ForContext("error", error.Message);
        line.Warning("apply request took too long");
    }
}
