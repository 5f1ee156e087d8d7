using System.Text.Json;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>Runs the etcdctl of the system against one server.</summary>
internal sealed class EtcdCtlTool(ServerProcess server)
{
    private const string Program = "/usr/bin/etcdctl";

    private static readonly Dictionary<string, string> _environment = new() { ["ETCDCTL_API"] = "3" };

    /// <summary>Runs a command that must succeed and gives its standard output.</summary>
    public async Task<string> RunAsync(params string[] arguments) => await RunWithInputAsync(null, arguments);

    /// <summary>The same with text for the standard input.</summary>
    public async Task<string> RunWithInputAsync(string? input, params string[] arguments)
    {
        var result = await Command.RunAsync(Program, Complete(arguments), input, _environment);
        Assert.True(result.ExitCode == 0, $"etcdctl {string.Join(' ', arguments)} exited with {result.ExitCode}: {result.Error}{result.Output}");
        return result.Output;
    }

    /// <summary>Runs a command that must succeed with -w json.</summary>
    public async Task<JsonElement> RunJsonAsync(params string[] arguments) =>
        JsonDocument.Parse(await RunAsync([.. arguments, "-w", "json"])).RootElement;

    /// <summary>Runs a command that must fail and gives what it wrote to the standard error.</summary>
    public async Task<string> RunFailingAsync(params string[] arguments)
    {
        var result = await Command.RunAsync(Program, Complete(arguments), null, _environment);
        Assert.True(result.ExitCode != 0, $"etcdctl {string.Join(' ', arguments)} succeeded: {result.Output}");
        return result.Error;
    }

    /// <summary>Starts a command that goes on until it is stopped.</summary>
    public Command Start(params string[] arguments) => Command.Start(Program, Complete(arguments), _environment);

    private IEnumerable<string> Complete(string[] arguments) => ["--endpoints", server.Endpoint, .. arguments];
}
