using System.Collections;
using EtcdNet.Host.Logging;
using Serilog;

namespace EtcdNet.Host.Configuration;

/// <summary>Reads <c>ETCD_*</c> variables with etcd's rules.</summary>
public static class EnvironmentReader
{
    private const string Prefix = "ETCD_";

    /// <summary>The variables of this process.</summary>
    public static IReadOnlyDictionary<string, string> OfProcess() =>
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal);

    /// <summary>
    /// Adds to <paramref name="values"/> what the environment says. A variable without text counts as not set, except that
    /// it too conflicts with its flag; an unknown variable is only a warning.
    /// </summary>
    /// <exception cref="ConfigurationException">A value is wrong, or a flag was given on the command line too.</exception>
    public static void Read(IReadOnlyDictionary<string, string> environment, FlagValues values, ILogger log)
    {
        var onCommandLine = values.Given.ToHashSet(StringComparer.Ordinal);
        foreach (var (variable, text) in environment.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!variable.StartsWith(Prefix, StringComparison.Ordinal)) continue;
            if (variable == "ETCD_VERSION")
            {
                // Images set it to the version they hold; as a flag it would make the server print its version and end.
                log.With(("environment-variable", variable)).Warning("environment variable is not used: it collides with the flag --version");
                continue;
            }
            var flag = FlagTable.ByEnvironmentName.GetValueOrDefault(variable);
            if (flag is not null && onCommandLine.Contains(flag.Name)) throw Conflict(variable);
            if (flag is null || flag.Status == FlagStatus.Removed || text.Length == 0)
                log.With(("environment-variable", variable)).Warning("unrecognized environment variable");
            else
                Set(flag, variable, text, values, log);
        }
    }

    private static void Set(Flag flag, string variable, string text, FlagValues values, ILogger log)
    {
        if (FlagCheck.Error(flag, text) is { } error)
            throw new ConfigurationException($"invalid value \"{text}\" for {variable}: {error}");
        values.Set(flag, text);
        // The value may be a secret (a password in a URL or an auth option).
        var shown = flag.Group == FlagGroup.Auth || flag.Name.EndsWith("password", StringComparison.Ordinal) || flag.Name == "discovery-user" ? "***" : text;
        log.With(("variable-name", variable), ("variable-value", shown)).Information("recognized and used environment variable");
    }

    private static ConfigurationException Conflict(string variable) =>
        new(variable)
        {
            LogMessage = "conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag)",
            IsFatal = true,
            FieldName = "environment-variable",
        };
}
