namespace EtcdNet.Server.Metrics;

/// <summary>A number that goes up and down: set by its owner, or asked for at each scrape. Any thread.</summary>
public sealed class Gauge : MetricSeries
{
    private readonly byte[] series;
    private double value;
    private volatile Func<double>? source;

    internal Gauge(byte[] series) => this.series = series;

    /// <summary>The present value.</summary>
    public double Value => source is { } read ? read() : Volatile.Read(ref value);

    /// <summary>From now on the value is what <paramref name="read"/> answers. It must be fast and must not throw.</summary>
    public void Bind(Func<double> read) => source = read;

    /// <summary>Sets the value (without effect on what <see cref="Bind"/> set).</summary>
    public void Set(double amount) => Volatile.Write(ref value, amount);

    /// <summary>Adds <paramref name="amount"/>, which may be negative.</summary>
    public void Add(double amount)
    {
        var seen = Volatile.Read(ref value);
        while (true)
        {
            var found = Interlocked.CompareExchange(ref value, seen + amount, seen);
            if (found.Equals(seen)) return;
            seen = found;
        }
    }

    internal override void Write(ExpositionWriter writer) => writer.Sample(series, Value);

    internal override MetricReading Read(string[] labelValues) => new(labelValues, Value, [], []);
}
