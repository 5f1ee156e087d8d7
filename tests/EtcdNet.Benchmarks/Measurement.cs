namespace EtcdNet.Benchmarks;

/// <summary>What one run of a workload cost.</summary>
/// <param name="RequestsPerSecond">Throughput.</param>
/// <param name="P50Milliseconds">Half of the requests were answered within this time.</param>
/// <param name="P99Milliseconds">99 of 100 requests were answered within this time.</param>
/// <param name="CpuMicroseconds">User and system time of the server process, or of all members together, for one request.</param>
/// <param name="ResidentMebibytes">Resident memory of the server that was asked, after the run.</param>
internal sealed record Measurement(
    double RequestsPerSecond, double P50Milliseconds, double P99Milliseconds, double CpuMicroseconds, double ResidentMebibytes)
{
    /// <summary>The median of each figure over the rounds.</summary>
    public static Measurement Median(IReadOnlyCollection<Measurement> rounds)
    {
        return new Measurement(
            Of(m => m.RequestsPerSecond), Of(m => m.P50Milliseconds), Of(m => m.P99Milliseconds), Of(m => m.CpuMicroseconds), Of(m => m.ResidentMebibytes));

        double Of(Func<Measurement, double> figure) => rounds.Select(figure).Order().ElementAt(rounds.Count / 2);
    }
}
