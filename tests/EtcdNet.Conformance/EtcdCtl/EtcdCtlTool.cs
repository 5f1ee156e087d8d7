using System.Text.Json;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>Runs an etcdctl against one server.</summary>
internal sealed class EtcdCtlTool(ServerProcess server, string program)
{
    /// <summary>Path of the program.</summary>
    public string Program => program;

    /// <summary>Runs a command that must succeed and gives its standard output.</summary>
    public async Task<string> RunAsync(params string[] arguments) => await RunWithInputAsync(null, arguments);

    /// <summary>The same with text for the standard input.</summary>
    public async Task<string> RunWithInputAsync(string? input, params string[] arguments)
    {
        var result = await TryAsync(input, arguments);
        Assert.True(result.ExitCode == 0, $"etcdctl {string.Join(' ', arguments)} exited with {result.ExitCode}: {result.Error}{result.Output}");
        return result.Output;
    }

    /// <summary>Runs a command that must succeed with -w json.</summary>
    public async Task<JsonElement> RunJsonAsync(params string[] arguments) =>
        JsonDocument.Parse(await RunAsync([.. arguments, "-w", "json"])).RootElement;

    /// <summary>Runs a command that must fail and gives what it wrote to the standard error.</summary>
    public async Task<string> RunFailingAsync(params string[] arguments)
    {
        var result = await TryAsync(null, arguments);
        Assert.True(result.ExitCode != 0, $"etcdctl {string.Join(' ', arguments)} succeeded: {result.Output}");
        return result.Error;
    }

    /// <summary>Runs a command that may fail.</summary>
    /// <param name="input">Its standard input; none when null.</param>
    /// <param name="arguments">The command.</param>
    /// <param name="limit">How long it may take, 30 s unless given.</param>
    public Task<CommandResult> TryAsync(string? input, IEnumerable<string> arguments, TimeSpan? limit = null) =>
        Command.RunAsync(program, Complete(arguments), input, EtcdCtlPrograms.Environment, limit);

    /// <summary>Starts a command that goes on until it is stopped.</summary>
    public Command Start(params string[] arguments) => Command.Start(program, Complete(arguments), EtcdCtlPrograms.Environment);

    private IEnumerable<string> Complete(IEnumerable<string> arguments) => ["--endpoints", server.Endpoint, .. arguments];
}
