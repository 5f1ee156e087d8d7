namespace EtcdNet.Server.Metrics;

/// <summary>The state of one series, for those who send metrics elsewhere than to a scraper.</summary>
/// <param name="LabelValues">In the order of <see cref="MetricFamily.Labels"/>.</param>
/// <param name="Value">The number; of a histogram the sum of its observations.</param>
/// <param name="Bounds">Upper bounds of a histogram's buckets, without the infinite one; else empty.</param>
/// <param name="Buckets">Observations in each of its buckets, the infinite one included; else empty.</param>
public readonly record struct MetricReading(
    IReadOnlyList<string> LabelValues, double Value, IReadOnlyList<double> Bounds, IReadOnlyList<long> Buckets);
