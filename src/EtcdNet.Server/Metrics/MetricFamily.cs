using System.Collections.Concurrent;
using System.Text;

namespace EtcdNet.Server.Metrics;

/// <summary>All series of one name, the part of it that the registry sees.</summary>
public abstract class MetricFamily
{
    private readonly byte[] header;

    private protected MetricFamily(string name, string help, string type, string[] labels)
    {
        Name = name;
        Help = help;
        Type = type;
        Labels = labels;
        var escaped = help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        header = Encoding.UTF8.GetBytes($"# HELP {name} {escaped}\n# TYPE {name} {type}\n");
    }

    /// <summary>Name of the metric.</summary>
    public string Name { get; }

    /// <summary>What it counts, in a sentence.</summary>
    public string Help { get; }

    /// <summary>counter, gauge or histogram.</summary>
    public string Type { get; }

    /// <summary>Names of the labels, in alphabetical order.</summary>
    public IReadOnlyList<string> Labels { get; }

    private protected abstract IEnumerable<(string[] LabelValues, MetricSeries Series)> SortedWithLabels { get; }

    private protected abstract IEnumerable<MetricSeries> Sorted { get; }

    /// <summary>The present state of every series. Any thread; nothing is locked.</summary>
    public IEnumerable<MetricReading> Read() => SortedWithLabels.Select(static pair => pair.Series.Read(pair.LabelValues));

    internal void Write(ExpositionWriter writer)
    {
        var first = true;
        foreach (var series in Sorted)
        {
            // As with etcd, a family without any series is not shown.
            if (first) writer.Raw(header);
            first = false;
            series.Write(writer);
        }
    }
}

/// <summary>
/// All series of one name. A series comes into being at its first use and stays. Keep what <see cref="With"/> returns
/// when the labels are known in advance; it is a dictionary lookup otherwise.
/// </summary>
/// <typeparam name="T">Counter, gauge or histogram.</typeparam>
public sealed class MetricFamily<T> : MetricFamily
    where T : MetricSeries
{
    /// <summary>Most series of one name: label values that clients choose must not fill the memory.</summary>
    public const int SeriesMax = 10_000;

    private readonly ConcurrentDictionary<Key, T> children = new();
    private readonly string[] labels;
    private readonly Func<string[], T> create;
    private (Key Key, T Child)[] sorted = [];

    internal MetricFamily(string name, string help, string type, string[] labels, Func<string[], T> create)
        : base(name, help, type, labels)
    {
        if (labels.Length > 4) throw new ArgumentException($"{name} has more than four labels");
        if (!labels.SequenceEqual(labels.Order(StringComparer.Ordinal)))
            throw new ArgumentException($"labels of {name} must be in alphabetical order");
        this.labels = labels;
        this.create = create;
    }

    private protected override IEnumerable<MetricSeries> Sorted => SortedChildren().Select(static pair => (MetricSeries)pair.Child);

    private protected override IEnumerable<(string[] LabelValues, MetricSeries Series)> SortedWithLabels =>
        SortedChildren().Select(pair => (pair.Key.Take(labels.Length), (MetricSeries)pair.Child));

    /// <summary>The series of these label values, which stand in the (alphabetical) order of the label names.</summary>
    /// <exception cref="InvalidOperationException">There are <see cref="SeriesMax"/> series already.</exception>
    public T With(string a = "", string b = "", string c = "", string d = "")
    {
        var key = new Key(a, b, c, d);
        if (children.TryGetValue(key, out var child)) return child;
        if (children.Count >= SeriesMax) throw new InvalidOperationException($"too many series of {Name}");
        return children.GetOrAdd(key, static (k, self) => self.create(k.Take(self.labels.Length)), this);
    }

    /// <summary>True when this series exists already.</summary>
    public bool Has(string a = "", string b = "", string c = "", string d = "") => children.ContainsKey(new Key(a, b, c, d));

    /// <summary>Number of series.</summary>
    public int Count => children.Count;

    private (Key Key, T Child)[] SortedChildren()
    {
        // Series are never removed, so the number tells whether the sorted copy is up to date.
        var copy = sorted;
        if (copy.Length == children.Count) return copy;
        copy = children.Select(pair => (pair.Key, pair.Value)).ToArray();
        Array.Sort(copy, (a, b) => a.Key.CompareTo(b.Key));
        return sorted = copy;
    }

    private readonly record struct Key(string A, string B, string C, string D) : IComparable<Key>
    {
        public int CompareTo(Key other)
        {
            var order = string.CompareOrdinal(A, other.A);
            if (order == 0) order = string.CompareOrdinal(B, other.B);
            if (order == 0) order = string.CompareOrdinal(C, other.C);
            return order != 0 ? order : string.CompareOrdinal(D, other.D);
        }

        public string[] Take(int count) => new[] { A, B, C, D }[..count];
    }
}
