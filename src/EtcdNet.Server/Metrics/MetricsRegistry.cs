using System.Buffers;
using System.Collections.Concurrent;

namespace EtcdNet.Server.Metrics;

/// <summary>
/// Every metric of one server, written as Prometheus text exposition 0.0.4, sorted by name as etcd's is. Not static:
/// several members in one process have one each. Defining a name twice is an error.
/// </summary>
public sealed class MetricsRegistry
{
    /// <summary>Content type of what <see cref="Write"/> writes.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly ConcurrentDictionary<string, MetricFamily> families = new(StringComparer.Ordinal);
    private volatile MetricFamily[]? sorted;

    /// <summary>A counter without labels; <paramref name="striped"/> for what every request touches.</summary>
    public Counter Counter(string name, string help, bool striped = false) => Counters(name, help, [], striped).With();

    /// <summary>Counters with labels (alphabetical).</summary>
    public MetricFamily<Counter> Counters(string name, string help, string[] labels, bool striped = false) =>
        Add(new MetricFamily<Counter>(name, help, "counter", labels,
            values => new Counter(ExpositionWriter.Series(name, labels, values), striped)));

    /// <summary>A counter whose value is asked for at each scrape.</summary>
    public void CounterFrom(string name, string help, Func<double> read) =>
        Add(new MetricFamily<MetricSeries>(name, help, "counter", [],
            values => new CallbackSeries(ExpositionWriter.Series(name, [], values), read))).With();

    /// <summary>A gauge without labels.</summary>
    public Gauge Gauge(string name, string help) => Gauges(name, help, []).With();

    /// <summary>A gauge whose value is asked for at each scrape.</summary>
    public void GaugeFrom(string name, string help, Func<double> read) => Gauge(name, help).Bind(read);

    /// <summary>Gauges with labels (alphabetical).</summary>
    public MetricFamily<Gauge> Gauges(string name, string help, string[] labels) =>
        Add(new MetricFamily<Gauge>(name, help, "gauge", labels,
            values => new Gauge(ExpositionWriter.Series(name, labels, values))));

    /// <summary>A fact told as a label.</summary>
    public InfoGauge Info(string name, string help, string label) => Add(new InfoGauge(name, help, label));

    /// <summary>A histogram without labels.</summary>
    public Histogram Histogram(string name, string help, double[] bounds) => Histograms(name, help, bounds, []).With();

    /// <summary>Histograms with labels (alphabetical).</summary>
    public MetricFamily<Histogram> Histograms(string name, string help, double[] bounds, string[] labels) =>
        Add(new MetricFamily<Histogram>(name, help, "histogram", labels,
            values => new Histogram(name, labels, values, bounds)));

    /// <summary>Writes all metrics. Any thread; nothing is locked, so a scrape never slows a request.</summary>
    public void Write(IBufferWriter<byte> output)
    {
        var writer = new ExpositionWriter(output);
        foreach (var family in Sorted()) family.Write(writer);
    }

    /// <summary>Every metric, sorted by name, for those who send them elsewhere.</summary>
    public IReadOnlyList<MetricFamily> Families => Sorted();

    private MetricFamily[] Sorted() =>
        sorted ??= families.Values.OrderBy(family => family.Name, StringComparer.Ordinal).ToArray();

    private T Add<T>(T family)
        where T : MetricFamily
    {
        if (!families.TryAdd(family.Name, family)) throw new ArgumentException($"metric {family.Name} is defined twice");
        sorted = null;
        return family;
    }
}
