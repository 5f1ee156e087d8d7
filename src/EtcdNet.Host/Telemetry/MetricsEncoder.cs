using EtcdNet.Protocol.Otlp;
using EtcdNet.Server.Metrics;
using Google.Protobuf;
using Histogram = EtcdNet.Protocol.Otlp.Histogram;
using Gauge = EtcdNet.Protocol.Otlp.Gauge;

namespace EtcdNet.Host.Telemetry;

/// <summary>
/// The registry of <c>/metrics</c> as OTLP metrics: the same names, labels and buckets, cumulative since the start of the process.
/// </summary>
internal sealed class MetricsEncoder(MetricsRegistry registry, Resource resource, DateTime startedUtc)
{
    /// <summary>Path of the collector's method.</summary>
    public const string Service = "opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

    private readonly ulong _started = OtlpText.Nanoseconds(startedUtc);

    /// <summary>One request with everything as it is now.</summary>
    public IMessage Encode(DateTime nowUtc)
    {
        ulong now = OtlpText.Nanoseconds(nowUtc);
        var scope = new ScopeMetrics { Scope = OtlpText.Scope };
        foreach (MetricFamily family in registry.Families)
        {
            if (Encode(family, now) is { } metric)
                scope.Metrics.Add(metric);
        }
        return new ExportMetricsServiceRequest { ResourceMetrics = { new ResourceMetrics { Resource = resource, ScopeMetrics = { scope } } } };
    }

    private Metric? Encode(MetricFamily family, ulong now)
    {
        MetricReading[] readings = [.. family.Read()];
        if (readings.Length == 0)
            return null;
        var metric = new Metric { Name = family.Name, Description = family.Help };
        switch (family.Type)
        {
            case "histogram":
                metric.Histogram = new Histogram { AggregationTemporality = AggregationTemporality.Cumulative };
                metric.Histogram.DataPoints.AddRange(readings.Select(reading => HistogramPoint(family, reading, now)));
                break;
            case "counter":
                metric.Sum = new Sum { AggregationTemporality = AggregationTemporality.Cumulative, IsMonotonic = true };
                metric.Sum.DataPoints.AddRange(readings.Select(reading => NumberPoint(family, reading, now, _started)));
                break;
            default:
                metric.Gauge = new Gauge();
                metric.Gauge.DataPoints.AddRange(readings.Select(reading => NumberPoint(family, reading, now, 0)));
                break;
        }
        return metric;
    }

    private static NumberDataPoint NumberPoint(MetricFamily family, MetricReading reading, ulong now, ulong started)
    {
        var point = new NumberDataPoint { StartTimeUnixNano = started, TimeUnixNano = now, AsDouble = reading.Value };
        point.Attributes.AddRange(Labels(family, reading));
        return point;
    }

    private HistogramDataPoint HistogramPoint(MetricFamily family, MetricReading reading, ulong now)
    {
        var point = new HistogramDataPoint
        {
            StartTimeUnixNano = _started,
            TimeUnixNano = now,
            Count = (ulong)reading.Buckets.Sum(),
            Sum = reading.Value,
        };
        point.BucketCounts.AddRange(reading.Buckets.Select(static count => (ulong)count));
        point.ExplicitBounds.AddRange(reading.Bounds);
        point.Attributes.AddRange(Labels(family, reading));
        return point;
    }

    private static IEnumerable<KeyValue> Labels(MetricFamily family, MetricReading reading) =>
        family.Labels.Zip(reading.LabelValues, static (name, value) => OtlpText.Attribute(name, value));
}
