namespace EtcdNet.Server.Metrics;

/// <summary>One line (or, for a histogram, one group of lines) of a scrape.</summary>
public abstract class MetricSeries
{
    /// <summary>Writes the present state.</summary>
    internal abstract void Write(ExpositionWriter writer);

    /// <summary>The present state.</summary>
    internal abstract MetricReading Read(string[] labelValues);
}
