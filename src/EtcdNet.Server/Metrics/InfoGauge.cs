namespace EtcdNet.Server.Metrics;

/// <summary>A fact told as a label whose value may change (a version, an id): one series of value 1, or none before it is known.</summary>
public sealed class InfoGauge : MetricFamily
{
    private readonly string label;
    private volatile Gauge? current;
    private volatile string value = "";
    private Func<string>? read;

    internal InfoGauge(string name, string help, string label)
        : base(name, help, "gauge", [label]) => this.label = label;

    /// <summary>The fact; setting it replaces the former one.</summary>
    public string Value
    {
        get => value;
        set
        {
            var gauge = new Gauge(ExpositionWriter.Series(Name, [label], [value]));
            gauge.Set(1);
            this.value = value;
            current = gauge;
        }
    }

    private protected override IEnumerable<MetricSeries> Sorted
    {
        get
        {
            if (read?.Invoke() is { Length: > 0 } now && now != value)
                Value = now;
            return current is { } gauge ? [gauge] : [];
        }
    }

    private protected override IEnumerable<(string[] LabelValues, MetricSeries Series)> SortedWithLabels => Sorted.Select(series => (new[] { Value }, series));

    /// <summary>Reads the fact at each scrape; while it is empty there is none.</summary>
    internal void Bind(Func<string> source) => read = source;
}
