namespace EtcdNet.Server.Metrics;

/// <summary>
/// Counts of observations per upper bound, and their sum. Any thread. A scrape reads every bucket once and derives the
/// total from what it read, so the lines of one scrape always fit together; the sum may run ahead by what is in flight.
/// </summary>
public sealed class Histogram : MetricSeries
{
    private readonly double[] bounds;
    private readonly byte[][] bucketSeries;
    private readonly byte[] sumSeries;
    private readonly byte[] countSeries;
    private readonly long[] buckets;
    private double sum;

    internal Histogram(string name, string[] labels, string[] values, double[] bounds)
    {
        this.bounds = bounds;
        buckets = new long[bounds.Length + 1];
        bucketSeries = new byte[bounds.Length + 1][];
        for (var i = 0; i < bucketSeries.Length; i++)
        {
            var bound = i < bounds.Length ? GoFloat.ToText(bounds[i]) : "+Inf";
            bucketSeries[i] = ExpositionWriter.Series(name + "_bucket", labels, values, bound);
        }
        sumSeries = ExpositionWriter.Series(name + "_sum", labels, values);
        countSeries = ExpositionWriter.Series(name + "_count", labels, values);
    }

    /// <summary>Number of observations so far.</summary>
    public long Count
    {
        get
        {
            var count = 0L;
            for (var i = 0; i < buckets.Length; i++) count += Volatile.Read(ref buckets[i]);
            return count;
        }
    }

    /// <summary>Sum of the observations so far.</summary>
    public double Sum => Volatile.Read(ref sum);

    /// <summary>Adds one observation, in the unit that the name of the metric says.</summary>
    public void Observe(double value)
    {
        var bucket = 0;
        while (bucket < bounds.Length && value > bounds[bucket]) bucket++;
        Interlocked.Increment(ref buckets[bucket]);
        var seen = Volatile.Read(ref sum);
        while (true)
        {
            var found = Interlocked.CompareExchange(ref sum, seen + value, seen);
            if (found.Equals(seen)) return;
            seen = found;
        }
    }

    /// <summary>Adds one observation in seconds.</summary>
    public void Observe(TimeSpan duration) => Observe(duration.TotalSeconds);

    internal override void Write(ExpositionWriter writer)
    {
        var count = 0L;
        for (var i = 0; i < buckets.Length; i++)
        {
            count += Volatile.Read(ref buckets[i]);
            writer.SampleWhole(bucketSeries[i], count);
        }
        writer.Sample(sumSeries, Sum);
        writer.SampleWhole(countSeries, count);
    }

    internal override MetricReading Read(string[] labelValues)
    {
        var counts = new long[buckets.Length];
        for (var i = 0; i < counts.Length; i++) counts[i] = Volatile.Read(ref buckets[i]);
        return new MetricReading(labelValues, Sum, bounds, counts);
    }
}
