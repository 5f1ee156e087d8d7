using EtcdNet.Testing.Processes;

namespace EtcdNet.Cluster.Tests;

/// <summary>Debian's etcdctl, as an operator types it.</summary>
internal static class EtcdCtl
{
    private static readonly Dictionary<string, string> _environment = new() { ["ETCDCTL_API"] = "3" };

    /// <summary>Runs a command; gives whatever came of it.</summary>
    public static Task<CommandResult> TryAsync(string endpoints, params string[] arguments) =>
        Command.RunAsync("/usr/bin/etcdctl", ["--endpoints", endpoints, "--command-timeout", "15s", .. arguments], null, _environment, TimeSpan.FromSeconds(60));

    /// <summary>Runs a command until it succeeds; gives its standard output. For commands that may be repeated.</summary>
    public static async Task<string> UntilDoneAsync(string endpoints, params string[] arguments)
    {
        CommandResult? result = null;
        try
        {
            await Deadline.UntilAsync(async () => (result = await TryAsync(endpoints, arguments)).ExitCode == 0, TimeSpan.FromSeconds(90));
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"etcdctl {string.Join(' ', arguments)} at {endpoints}: {result?.Error}{result?.Output}");
        }

        return result!.Output;
    }
}
