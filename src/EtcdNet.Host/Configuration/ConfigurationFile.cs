using System.Globalization;
using EtcdNet.Host.Logging;
using Serilog;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace EtcdNet.Host.Configuration;

/// <summary>
/// Reads a configuration file, YAML or JSON. Durations may be nanoseconds, as etcd writes them, or text (<c>5s</c>).
/// </summary>
public static class ConfigurationFile
{
    private const int DepthMax = 8;

    /// <summary>Reads the file at <paramref name="path"/> into <paramref name="values"/>.</summary>
    /// <exception cref="ConfigurationException">The file cannot be read, is no YAML, or holds a wrong value; names the line.</exception>
    public static void Read(string path, FlagValues values, ILogger log)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ConfigurationException($"open {path}: no such file or directory");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"open {path}: {error.Message}");
        }
        Parse(text, path, values, log);
    }

    /// <summary>Reads YAML or JSON text; <paramref name="path"/> is only named in errors.</summary>
    public static void Parse(string text, string path, FlagValues values, ILogger log)
    {
        var yaml = new YamlStream();
        try
        {
            yaml.Load(new StringReader(text));
        }
        catch (YamlException error)
        {
            throw new ConfigurationException($"{path}: line {error.Start.Line}: not valid YAML: {error.Message}");
        }
        if (yaml.Documents.Count == 0) return;
        if (yaml.Documents[0].RootNode is YamlMappingNode root) Walk(root, "", 0, new Context(path, values, log));
        else if (!IsNull(yaml.Documents[0].RootNode)) throw new ConfigurationException($"{path}: line 1: expected keys with values");
    }

    private static void Walk(YamlMappingNode node, string prefix, int depth, Context context)
    {
        if (depth > DepthMax) throw context.Error(node, "too deep");
        foreach (var (keyNode, value) in node.Children)
        {
            if (keyNode is not YamlScalarNode { Value: { } key }) throw context.Error(keyNode, "a key must be text");
            var path = prefix + key;
            var flag = FlagTable.ByYamlPath.GetValueOrDefault(path);
            if (flag is not null && flag.Status != FlagStatus.Removed) Set(flag, value, context);
            else if (value is YamlMappingNode inner && IsSection(path)) Walk(inner, path + ".", depth + 1, context);
            else if (!IsNull(value))
                context.Log.With(("key", path), ("line", keyNode.Start.Line)).Warning("unrecognized key in the configuration file is ignored");
        }
    }

    private static bool IsSection(string path) =>
        FlagTable.ByYamlPath.Keys.Any(known => known.StartsWith(path + ".", StringComparison.Ordinal));

    private static void Set(Flag flag, YamlNode node, Context context)
    {
        if (IsNull(node)) return;
        var text = node switch
        {
            YamlScalarNode scalar => Scalar(flag, scalar),
            YamlSequenceNode sequence when flag.Kind is FlagKind.List or FlagKind.Urls
                && sequence.Children.All(child => child is YamlScalarNode) =>
                string.Join(',', sequence.Children.Select(child => ((YamlScalarNode)child).Value)),
            _ => throw context.Error(node, $"{flag.YamlPath}: a {flag.Kind.ToString().ToLowerInvariant()} value is expected"),
        };
        if (text.Length == 0 && flag.Kind is not (FlagKind.Text or FlagKind.List)) return;
        if (FlagCheck.Error(flag, text) is { } error)
            throw context.Error(node, $"{flag.YamlPath}: invalid value \"{text}\": {error}");
        context.Values.Set(flag, text);
    }

    private static string Scalar(Flag flag, YamlScalarNode scalar)
    {
        var text = scalar.Value ?? "";
        if (flag.Kind == FlagKind.Duration && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var nanoseconds))
            return nanoseconds.ToString(CultureInfo.InvariantCulture) + "ns";
        if (flag.Kind == FlagKind.Bool && scalar.Style == ScalarStyle.Plain)
        {
            return text.ToLowerInvariant() switch
            {
                "yes" or "on" or "y" => "true",
                "no" or "off" or "n" => "false",
                _ => text,
            };
        }
        return text;
    }

    private static bool IsNull(YamlNode node) =>
        node is YamlScalarNode { Style: ScalarStyle.Plain or ScalarStyle.Any, Value: null or "" or "~" or "null" or "Null" or "NULL" };

    private sealed record Context(string Path, FlagValues Values, ILogger Log)
    {
        public ConfigurationException Error(YamlNode node, string message) => new($"{Path}: line {node.Start.Line}: {message}");
    }
}
