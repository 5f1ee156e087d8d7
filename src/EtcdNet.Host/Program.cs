using System.Collections;
using EtcdNet.Host;
using EtcdNet.Host.Configuration;
using EtcdNet.Host.Logging;
using EtcdNet.Host.Platform;

var environment = new Dictionary<string, string>(StringComparer.Ordinal);
foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
    environment[(string)variable.Key] = (string?)variable.Value ?? "";

CommandLineResult result = CommandLine.Run(args, environment, Console.Out, Console.Error);
if (result.Options is not { } options)
    return result.ExitCode;
using ServerLog log = ServerLog.Open(options);
using var signals = new ShutdownSignals();
return await new Daemon(options, log).RunAsync(signals);
