using EtcdNet.Host.Logging;
using Serilog;
using Serilog.Events;

namespace EtcdNet.Host.Configuration;

/// <summary>What the command line came to: either options to start with, or an exit code.</summary>
/// <param name="Options">Checked options, or null.</param>
/// <param name="ExitCode">Code to end with when there are no options.</param>
public sealed record CommandLineResult(EtcdOptions? Options, int ExitCode);

/// <summary>From the arguments and the environment to checked options. Pure but for reading the configuration file.</summary>
public static class CommandLine
{
    /// <summary>
    /// Reads and checks everything. Help and version go to <paramref name="stdout"/>; usage errors as text, and warnings and
    /// other errors as JSON log lines, to <paramref name="stderr"/>.
    /// </summary>
    public static CommandLineResult Run(
        IReadOnlyList<string> args, IReadOnlyDictionary<string, string> environment, TextWriter stdout, TextWriter stderr)
    {
        using var serverLog = ServerLog.ToWriter(stderr, LogEventLevel.Information);
        var log = serverLog.Logger.ForContext(typeof(CommandLine));
        try
        {
            var values = new FlagValues();
            if (ArgumentParser.Parse(args, values)) return Print(stdout, Usage.Full());
            if (values.Bool("version")) return Print(stdout, Versions.Text());
            return new CommandLineResult(Load(values, environment, log), 0);
        }
        catch (ConfigurationException error) when (error.ExitCode == 2)
        {
            stderr.WriteLine(error.Message);
            stderr.Write(Usage.Synopsis);
            return new CommandLineResult(null, 2);
        }
        catch (ConfigurationException error)
        {
            Report(error, log);
            return new CommandLineResult(null, error.ExitCode);
        }
    }

    /// <summary>Logs a configuration error the way etcd does.</summary>
    public static void Report(ConfigurationException error, ILogger log) =>
        log.With((error.FieldName, error.Message))
            .Write(error.IsFatal ? LogEventLevel.Fatal : LogEventLevel.Warning, error.LogMessage);

    private static EtcdOptions Load(FlagValues commandLine, IReadOnlyDictionary<string, string> environment, ILogger log)
    {
        var values = commandLine;
        var path = commandLine.Text("config-file");
        if (path.Length == 0) path = environment.GetValueOrDefault("ETCD_CONFIG_FILE", "");
        if (path.Length > 0)
        {
            values = new FlagValues();
            ConfigurationFile.Read(path, values, log);
            log.With(("path", path)).Information("loaded server configuration, other configuration command line flags and environment variables will be ignored if provided");
        }
        else
        {
            EnvironmentReader.Read(environment, values, log);
            // Only then, as in etcd: the default would tell clients an address at which nobody listens.
            if (values.IsGiven("listen-client-urls") && !values.IsGiven("advertise-client-urls"))
                throw new ConfigurationException("--advertise-client-urls is required when --listen-client-urls is set explicitly");
        }
        WarnOfOldNames(values, log);
        if (values.NotBuilt() is { Count: > 0 } notBuilt)
            throw new ConfigurationException($"not built yet in this release of EtcdNet, only the default is accepted: {string.Join(", ", notBuilt)}");
        var options = OptionsReader.Read(values);
        OptionsValidator.Validate(options, log);
        if (values.Text("data-dir").Length == 0) log.With(("data-dir", options.DataDir)).Warning("'data-dir' was empty; using default");
        return options;
    }

    private static void WarnOfOldNames(FlagValues values, ILogger log)
    {
        foreach (var name in values.Given.Order(StringComparer.Ordinal))
        {
            if (FlagTable.ByName[name] is { Status: FlagStatus.Ignored } flag)
                log.With(("flag-name", name), ("reason", flag.Help)).Warning("flag is no longer supported - ignoring");
        }
        foreach (var old in values.ResolveOldNames())
            log.With(("flag-name", old.Name), ("use-instead", old.ReplacedBy)).Warning("flag is deprecated");
    }

    private static CommandLineResult Print(TextWriter stdout, string text)
    {
        stdout.Write(text);
        return new CommandLineResult(null, 0);
    }
}
