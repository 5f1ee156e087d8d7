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

    /// <summary>Runs a command until it succeeds and gives its standard output; what it is refused with at first must pass by itself.</summary>
    /// <exception cref="TimeoutException">It did not succeed within <paramref name="limit"/>; with everything that it was refused with.</exception>
    public async Task<string> RunUntilSuccessAsync(TimeSpan limit, params string[] arguments)
    {
        var output = "";
        var refusals = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            await Deadline.UntilAsync(TrySucceedAsync, limit, string.Join(' ', arguments));
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{late.Message}; it was refused with: {string.Join("; ", refusals)}", late);
        }
        return output;

        async Task<bool> TrySucceedAsync()
        {
            var result = await TryAsync(null, arguments);
            output = result.Output;
            if (result.ExitCode != 0)
                refusals.Add(result.Error.Trim());
            return result.ExitCode == 0;
        }
    }

    /// <summary>Starts a command that goes on until it is stopped.</summary>
    public Command Start(params string[] arguments) => Command.Start(program, Complete(arguments), EtcdCtlPrograms.Environment);

    private IEnumerable<string> Complete(IEnumerable<string> arguments) => ["--endpoints", server.Endpoint, .. arguments];
}
