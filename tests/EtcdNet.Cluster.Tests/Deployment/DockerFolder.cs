using System.Text.RegularExpressions;
using EtcdNet.Testing.Processes;
using YamlDotNet.RepresentationModel;

namespace EtcdNet.Cluster.Tests.Deployment;

/// <summary>The folder <c>docker/</c> of the repository.</summary>
internal static partial class DockerFolder
{
    private static string Root { get; } = Path.Combine(Directory.GetParent(ServerTarget.Artifacts())!.FullName, "docker");

    /// <summary>Path of a file.</summary>
    public static string PathOf(string name) => Path.Combine(Root, name);

    /// <summary>Text of a file.</summary>
    public static string Read(string name) => File.ReadAllText(PathOf(name));

    /// <summary>The variables that a compose file uses, with their defaults.</summary>
    public static IEnumerable<(string Name, string Default)> VariablesOf(string name) =>
        Variable().Matches(Read(name)).Select(static match => (match.Groups[1].Value, match.Groups[2].Value)).Distinct();

    /// <summary>A compose file with other values for some variables and the defaults for the rest.</summary>
    public static YamlMappingNode Compose(string name, IReadOnlyDictionary<string, string> values)
    {
        string text = Variable().Replace(Read(name), match => values.GetValueOrDefault(match.Groups[1].Value, match.Groups[2].Value));
        Assert.DoesNotContain("${", text, StringComparison.Ordinal);
        var yaml = new YamlStream();
        yaml.Load(new StringReader(text));
        return (YamlMappingNode)yaml.Documents.Single().RootNode;
    }

    /// <summary>A node under others.</summary>
    public static YamlNode Under(this YamlNode node, params string[] path) => path.Aggregate(node, static (at, name) => at[new YamlScalarNode(name)]);

    [GeneratedRegex(@"\$\{([A-Z_0-9]+):-([^}]*)\}")]
    private static partial Regex Variable();
}
