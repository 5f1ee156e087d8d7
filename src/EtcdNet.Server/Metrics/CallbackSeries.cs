namespace EtcdNet.Server.Metrics;

/// <summary>A counter whose truth lies elsewhere (the kernel, the runtime) and is asked for at each scrape.</summary>
internal sealed class CallbackSeries(byte[] series, Func<double> read) : MetricSeries
{
    internal override void Write(ExpositionWriter writer) => writer.Sample(series, read());

    internal override MetricReading Read(string[] labelValues) => new(labelValues, read(), [], []);
}
