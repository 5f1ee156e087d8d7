namespace EtcdNet.Server.Metrics;

/// <summary>
/// A number that only grows. Any thread may add. A striped counter keeps one cell a processor, so that many cores do not
/// fight for a cache line; it costs 64 bytes a processor and is meant for what every request touches.
/// </summary>
public sealed class Counter : MetricSeries
{
    private const int CellsPerLine = 8;
    private static readonly int StripeMask = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Environment.ProcessorCount) - 1;
    private readonly byte[] series;
    private readonly long[] cells;
    private Func<long>? source;

    internal Counter(byte[] series, bool striped)
    {
        this.series = series;
        cells = new long[striped ? (StripeMask + 1) * CellsPerLine : 1];
    }

    /// <summary>The sum. Additions that happen meanwhile may or may not be in it.</summary>
    public long Value
    {
        get
        {
            if (source is { } read) return read();
            var sum = 0L;
            for (var i = 0; i < cells.Length; i += CellsPerLine) sum += Volatile.Read(ref cells[i]);
            return sum;
        }
    }

    /// <summary>Takes the value from somebody who counts already; it must never fall.</summary>
    public void Bind(Func<long> read) => source = read;

    /// <summary>Adds one.</summary>
    public void Add() => Add(1);

    /// <summary>Adds <paramref name="amount"/>, which must not be negative.</summary>
    public void Add(long amount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amount);
        var cell = cells.Length == 1 ? 0 : (Thread.GetCurrentProcessorId() & StripeMask) * CellsPerLine;
        Interlocked.Add(ref cells[cell], amount);
    }

    internal override void Write(ExpositionWriter writer) => writer.Sample(series, Value);

    internal override MetricReading Read(string[] labelValues) => new(labelValues, Value, [], []);
}
