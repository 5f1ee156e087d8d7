using System.Diagnostics;
using System.Threading.Channels;

namespace EtcdNet.Testing.Processes;

/// <summary>What a finished client program said.</summary>
public sealed record CommandResult(int ExitCode, string Output, string Error)
{
    /// <summary>The lines of the standard output.</summary>
    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>A client program that runs beside the test; its standard output is read line by line.</summary>
public sealed class Command : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly Task<string> _error;
    private readonly Task _pump;

    private Command(Process process)
    {
        _process = process;
        _error = process.StandardError.ReadToEndAsync();
        _pump = PumpAsync();
    }

    /// <summary>The standard input of the program.</summary>
    public StreamWriter Input => _process.StandardInput;

    /// <summary>Runs a program to its end. A program that outlives <paramref name="limit"/> (default 30 s) is killed and the test fails.</summary>
    public static async Task<CommandResult> RunAsync(
        string program,
        IEnumerable<string> arguments,
        string? input = null,
        IReadOnlyDictionary<string, string>? environment = null,
        TimeSpan? limit = null)
    {
        await using var command = Start(program, arguments, environment);
        if (input is not null)
            await command.Input.WriteAsync(input);
        command.Input.Close();
        return await command.FinishAsync(limit ?? TimeSpan.FromSeconds(30));
    }

    /// <summary>Starts a program.</summary>
    public static Command Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return new Command(Process.Start(start)!);
    }

    /// <summary>The next line of the standard output.</summary>
    /// <exception cref="TimeoutException">No line came within ten seconds.</exception>
    public async Task<string> ReadLineAsync()
    {
        try
        {
            return await _lines.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        }
        catch (ChannelClosedException)
        {
            throw new InvalidOperationException($"{_process.StartInfo.FileName} ended without another line; stderr: {await _error}");
        }
    }

    /// <summary>Waits for the end of the program and gives the output that was not read yet.</summary>
    public async Task<CommandResult> FinishAsync(TimeSpan limit)
    {
        try
        {
            await Task.WhenAll(_pump, _error).WaitAsync(limit);
        }
        catch (TimeoutException e)
        {
            _process.Kill();
            throw new TimeoutException($"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)} ran longer than {limit}", e);
        }

        await _process.WaitForExitAsync();
        var rest = new List<string>();
        while (_lines.Reader.TryRead(out var line))
            rest.Add(line);
        return new CommandResult(_process.ExitCode, string.Concat(rest.Select(l => l + "\n")), await _error);
    }

    /// <summary>kill -9, without waiting. A program that has ended is left alone.</summary>
    public void Kill()
    {
        if (!_process.HasExited)
            _process.Kill();
    }

    /// <summary>Kills the program if it still runs.</summary>
    public async ValueTask DisposeAsync()
    {
        Kill();
        await _process.WaitForExitAsync();
        await _pump;
        _process.Dispose();
    }

    private async Task PumpAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
            _lines.Writer.TryWrite(line);
        _lines.Writer.Complete();
    }
}
