using System.Text.RegularExpressions;
using EtcdNet.Testing.Processes;
using YamlDotNet.RepresentationModel;

namespace EtcdNet.Cluster.Tests.Deployment;

/// <summary>The files of <c>docker/</c> are right in the eyes of the programs that read them, and documented.</summary>
public sealed partial class FileTests
{
    private static readonly string[] _composeFiles = ["compose.yaml", "compose.cluster.yaml"];

    public static TheoryData<string> ComposeFiles => [.. _composeFiles];

    [Fact]
    public async Task Haproxy_takes_its_file() => await AssertSucceedsAsync("/usr/sbin/haproxy", "-c", "-f", DockerFolder.PathOf("haproxy.cfg"));

    [Fact]
    public async Task Prometheus_takes_its_files() => await AssertSucceedsAsync("promtool", "check", "config", DockerFolder.PathOf("prometheus.yml"));

    [Theory]
    [MemberData(nameof(ComposeFiles))]
    public async Task Compose_takes_its_files(string file)
    {
        // Compose is not in Debian's stable suite; what it would refuse first is also checked below, without it.
        string compose = Path.Combine(ServerTarget.Artifacts(), "docker-compose", "usr", "libexec", "docker", "cli-plugins", "docker-compose");
        if (File.Exists(compose))
            await AssertSucceedsAsync(compose, "-f", DockerFolder.PathOf(file), "config", "--quiet");
        YamlMappingNode root = DockerFolder.Compose(file, new Dictionary<string, string>());
        var volumes = (YamlMappingNode)root.Under("volumes");
        foreach (var (_, service) in (YamlMappingNode)root.Under("services"))
        {
            var fields = (YamlMappingNode)service;
            YamlNode basis = fields.Children.TryGetValue("<<", out YamlNode? merged) ? merged : fields;
            Assert.NotNull(basis.Under("image"));
            Assert.NotNull(basis.Under("healthcheck", "test"));
            Assert.NotNull(basis.Under("deploy", "resources", "limits", "memory"));
            foreach (YamlNode volume in (YamlSequenceNode)fields.Under("volumes"))
            {
                string source = ((YamlScalarNode)volume).Value!.Split(':')[0];
                Assert.True(source.StartsWith("./", StringComparison.Ordinal) ? File.Exists(DockerFolder.PathOf(source)) : volumes.Children.ContainsKey(source), source);
            }
        }
    }

    [Theory]
    [MemberData(nameof(ComposeFiles))]
    public void Every_variable_is_documented_with_its_default(string file)
    {
        string[] readme = DockerFolder.Read("README.md").Split('\n');
        string[] example = DockerFolder.Read(".env.example").Split('\n');
        (string Name, string Default)[] variables = [.. DockerFolder.VariablesOf(file)];
        Assert.True(variables.Length > 10);
        Assert.Equal(variables.Length, variables.DistinctBy(static variable => variable.Name).Count());
        foreach (var (name, value) in variables)
        {
            Assert.Contains(readme, line => line.StartsWith($"| `{name}` | {value} | ", StringComparison.Ordinal));
            Assert.Contains($"{name}={value}", example);
        }
    }

    [Fact]
    public void Every_documented_variable_is_used()
    {
        string[] used = [.. _composeFiles.SelectMany(DockerFolder.VariablesOf).Select(static variable => variable.Name)];
        Assert.Empty(Setting().Matches(DockerFolder.Read(".env.example")).Select(static match => match.Groups[1].Value).Except(used));
        Assert.Empty(TableRow().Matches(DockerFolder.Read("README.md")).Select(static match => match.Groups[1].Value).Except(used));
    }

    [Fact]
    public void Alerts_use_series_that_a_member_has()
    {
        string[] known = DockerFolder.Read("alerts.yml").Split('\n').Where(static line => line.Contains("expr:", StringComparison.Ordinal))
            .SelectMany(static line => Series().Matches(line).Select(static match => match.Value)).Distinct().ToArray();
        Assert.Contains("etcd_server_has_leader", known);
        // ClusterTests scrapes them.
        Assert.Equal(ClusterTests.SeriesOfAlerts.Order(StringComparer.Ordinal), known.Order(StringComparer.Ordinal));
    }

    private static async Task AssertSucceedsAsync(string program, params string[] arguments)
    {
        CommandResult result = await Command.RunAsync(program, arguments);
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {result.Error}{result.Output}");
    }

    [GeneratedRegex("^([A-Z_]+)=", RegexOptions.Multiline)]
    private static partial Regex Setting();

    [GeneratedRegex("^\\| `([A-Z_]+)` \\|", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    [GeneratedRegex(@"\b(etcd|process)_[a-z_]+")]
    private static partial Regex Series();
}
