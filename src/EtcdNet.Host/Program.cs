using System.Collections;
using EtcdNet.Host;
using EtcdNet.Host.Configuration;
using EtcdNet.Host.Logging;
using EtcdNet.Host.Platform;
using Serilog.Events;

var environment = new Dictionary<string, string>(StringComparer.Ordinal);
foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
    environment[(string)variable.Key] = (string?)variable.Value ?? "";

CommandLineResult result = CommandLine.Run(args, environment, Console.Out, Console.Error);
if (result.Options is not { } options)
    return result.ExitCode;
using ServerLog? log = OpenLog(options);
if (log is null)
    return 1;
using var signals = new ShutdownSignals();
return await new Daemon(options, log).RunAsync(signals);

static ServerLog? OpenLog(EtcdOptions options)
{
    try
    {
        return ServerLog.Open(options);
    }
    catch (Exception error) when (error is ConfigurationException or IOException or UnauthorizedAccessException)
    {
        using var stderr = ServerLog.ToWriter(Console.Error, LogEventLevel.Information);
        stderr.Logger.ForContext("log-outputs", options.LogOutputs).ForContext("error", error.Message).Fatal("failed to open the log");
        return null;
    }
}
