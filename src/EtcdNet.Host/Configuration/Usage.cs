using System.Text;

namespace EtcdNet.Host.Configuration;

/// <summary>The texts of <c>--help</c> and of a usage error.</summary>
public static class Usage
{
    private static readonly (FlagGroup Group, string Title)[] Groups =
    [
        (FlagGroup.Member, "Member:"),
        (FlagGroup.Clustering, "Clustering:"),
        (FlagGroup.Security, "Security:"),
        (FlagGroup.Auth, "Auth:"),
        (FlagGroup.Monitoring, "Profiling and Monitoring:"),
        (FlagGroup.Logging, "Logging:"),
        (FlagGroup.Tracing, "Distributed tracing:"),
        (FlagGroup.Features, "Features and limits:"),
        (FlagGroup.Unsafe, "Unsafe feature:"),
        (FlagGroup.Deprecated, "Old names, still accepted:"),
    ];

    /// <summary>How the program is called; printed after a usage error.</summary>
    public const string Synopsis = """
        Usage:

          etcdnet [flags]
            Start a server.

          etcdnet --version
            Show the version.

          etcdnet -h | --help
            Show all flags.

          etcdnet --config-file
            Path of a configuration file. All other flags and environment variables are then ignored.

        """;

    /// <summary>All flags with their defaults, by group.</summary>
    public static string Full()
    {
        var text = new StringBuilder(Synopsis);
        foreach (var (group, title) in Groups)
        {
            text.Append('\n').Append(title).Append('\n');
            foreach (var flag in FlagTable.All)
            {
                if (flag.Group != group || flag.Status == FlagStatus.Removed) continue;
                var value = flag.Name == "data-dir" ? "${name}.etcdnet" : flag.Default;
                text.Append("  --").Append(flag.Name).Append(" '").Append(value).Append("'\n    ").Append(flag.Help);
                if (flag.Status == FlagStatus.NotYet) text.Append(" (Not built yet: only the default is accepted.)");
                if (flag.Status == FlagStatus.Ignored && flag.Group != FlagGroup.Deprecated) text.Append(" (Accepted, without effect.)");
                text.Append('\n');
                if (flag.Name == "feature-gates")
                {
                    foreach (var gate in FeatureGates.Known)
                        text.Append("    ").Append(gate.Name).Append("=true|false (").Append(gate.Stage).Append(" - default=").Append(gate.Default ? "true" : "false").Append(")\n");
                }
            }
        }
        return text.ToString();
    }
}
