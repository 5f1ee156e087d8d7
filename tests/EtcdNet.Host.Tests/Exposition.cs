using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using EtcdNet.Server.Metrics;

namespace EtcdNet.Host.Tests;

/// <summary>A strict reader of Prometheus text, so that tests do not depend on a tool.</summary>
internal sealed partial class Exposition
{
    public Dictionary<string, string> Help { get; } = [];

    public Dictionary<string, string> Types { get; } = [];

    public Dictionary<string, double> Samples { get; } = [];

    public static Exposition Of(MetricsRegistry registry) => Parse(TextOf(registry));

    public static string TextOf(MetricsRegistry registry)
    {
        var buffer = new ArrayBufferWriter<byte>();
        registry.Write(buffer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    public static Exposition Parse(string text)
    {
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        var result = new Exposition();
        var family = "";
        foreach (var line in text.TrimEnd('\n').Split('\n'))
        {
            var words = line.Split(' ', 4);
            if (line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                Assert.True(string.CompareOrdinal(family, words[2]) < 0, $"{words[2]} is not in order");
                family = words[2];
                result.Help.Add(family, words[3]);
            }
            else if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                Assert.Equal(family, words[2]);
                result.Types.Add(family, words[3]);
            }
            else
            {
                result.AddSample(line, family);
            }
        }
        return result;
    }

    private void AddSample(string line, string family)
    {
        var match = Sample().Match(line);
        Assert.True(match.Success, line);
        var name = match.Groups[1].Value;
        var allowed = Types[family] is "histogram" or "summary" ? new[] { family, family + "_bucket", family + "_sum", family + "_count" } : [family];
        Assert.Contains(name, allowed);
        var number = match.Groups[3].Value.Replace("+Inf", "Infinity", StringComparison.Ordinal);
        Samples.Add(name + match.Groups[2].Value, double.Parse(number, CultureInfo.InvariantCulture));
    }

    [GeneratedRegex("""^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)+\})? (\S+)$""")]
    private static partial Regex Sample();
}
