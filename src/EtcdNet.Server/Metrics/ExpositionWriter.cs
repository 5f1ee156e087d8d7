using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace EtcdNet.Server.Metrics;

/// <summary>Writes Prometheus text exposition 0.0.4 into a buffer (a <c>PipeWriter</c> is one).</summary>
public readonly ref struct ExpositionWriter
{
    private readonly IBufferWriter<byte> output;

    /// <summary>A writer on <paramref name="output"/>.</summary>
    public ExpositionWriter(IBufferWriter<byte> output) => this.output = output;

    /// <summary>Writes bytes as they are.</summary>
    public void Raw(ReadOnlySpan<byte> bytes) => output.Write(bytes);

    /// <summary>One line: prepared <paramref name="series"/> (name and labels), a space, a number.</summary>
    public void Sample(ReadOnlySpan<byte> series, double value)
    {
        var span = output.GetSpan(series.Length + GoFloat.LengthMax + 2);
        series.CopyTo(span);
        var at = series.Length;
        span[at++] = (byte)' ';
        at += GoFloat.Format(value, span[at..]);
        span[at++] = (byte)'\n';
        output.Advance(at);
    }

    /// <summary>The same for a whole number written in full (counts and buckets of histograms).</summary>
    public void SampleWhole(ReadOnlySpan<byte> series, long value)
    {
        var span = output.GetSpan(series.Length + 24);
        series.CopyTo(span);
        var at = series.Length;
        span[at++] = (byte)' ';
        Utf8Formatter.TryFormat(value, span[at..], out var written);
        at += written;
        span[at++] = (byte)'\n';
        output.Advance(at);
    }

    /// <summary>Name and labels of a series as they stand in the text, label values escaped.</summary>
    internal static byte[] Series(string name, ReadOnlySpan<string> labels, ReadOnlySpan<string> values, string? bound = null)
    {
        var text = new StringBuilder(name);
        var separator = '{';
        for (var i = 0; i < labels.Length; i++)
        {
            text.Append(separator).Append(labels[i]).Append("=\"").Append(Escape(values[i])).Append('"');
            separator = ',';
        }
        if (bound is not null)
        {
            text.Append(separator).Append("le=\"").Append(bound).Append('"');
            separator = ',';
        }
        if (separator == ',') text.Append('}');
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static string Escape(string value) =>
        value.AsSpan().IndexOfAny('\\', '"', '\n') < 0
            ? value
            : value.Replace("\\", "\\\\", StringComparison.Ordinal)
                .Replace("\"", "\\\"", StringComparison.Ordinal)
                .Replace("\n", "\\n", StringComparison.Ordinal);
}
