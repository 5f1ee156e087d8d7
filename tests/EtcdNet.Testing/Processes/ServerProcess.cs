using System.Diagnostics;
using System.Runtime.InteropServices;

namespace EtcdNet.Testing.Processes;

/// <summary>
/// One server in a process of its own: a fixed data directory and fixed free ports on 127.0.0.1, started and stopped as often as a test likes.
/// Not thread-safe.
/// </summary>
public sealed partial class ServerProcess : IAsyncDisposable
{
    private const string ReadyLine = "ready to serve client requests";
    private const int SigKill = 9;
    private const int SigTerm = 15;
    private const int SigCont = 18;
    private const int SigStop = 19;
    private static readonly TimeSpan _startLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan _stopLimit = TimeSpan.FromSeconds(20);

    private readonly List<string> _extraArguments;
    private readonly List<string> _log = [];
    private readonly TempDirectory? _ownDirectory;
    private Process? _process;
    private int _firstLine;
    private TaskCompletionSource _ready = new();

    private readonly ServerPlace _place;

    private ServerProcess(ServerTarget target, ServerPlace place, string? dataDirectory, string[] extraArguments)
    {
        Target = target;
        _place = place;
        if (dataDirectory is null)
            _ownDirectory = new TempDirectory();
        DataDirectory = dataDirectory ?? _ownDirectory!.At("data");
        _extraArguments = [.. extraArguments];
    }

    /// <summary>Which program runs.</summary>
    public ServerTarget Target { get; }

    /// <summary>The value of --data-dir.</summary>
    public string DataDirectory { get; }

    /// <summary>host:port for clients.</summary>
    public string Endpoint => _place.Endpoint;

    /// <summary>URL for clients.</summary>
    public Uri ClientUrl => new($"http://{Endpoint}");

    /// <summary>URL for other members.</summary>
    public string PeerUrl => _place.PeerUrl;

    /// <summary>The value of --name.</summary>
    public string Name => _place.Name;

    /// <summary>What is added to the environment of the process.</summary>
    public IReadOnlyDictionary<string, string> Environment => _place.Environment;

    /// <summary>Whether there is a process, running or stopped by <see cref="Freeze"/>.</summary>
    public bool IsRunning => _process is { HasExited: false };

    /// <summary>Process id; the process must run.</summary>
    public int Id => (_process ?? throw new InvalidOperationException("not started")).Id;

    /// <summary>Everything the process wrote to its standard output and error, over all its starts.</summary>
    public string Log
    {
        get
        {
            lock (_log)
                return string.Join('\n', _log);
        }
    }

    /// <summary>What the process wrote since its last start.</summary>
    public string LogSinceStart
    {
        get
        {
            lock (_log)
                return string.Join('\n', _log.Skip(_firstLine));
        }
    }

    /// <summary>Whether the process has said since its last start that it serves clients.</summary>
    public bool IsReady => _ready.Task.IsCompletedSuccessfully;

    /// <summary>Told of every line as it comes, on another thread.</summary>
    public Action<string>? LineWritten { get; set; }

    /// <summary>Starts a server and waits until it serves clients. Without a data directory it gets a fresh one that is deleted at the end.</summary>
    public static async Task<ServerProcess> StartAsync(ServerTarget? target = null, string? dataDirectory = null, params string[] extraArguments)
    {
        var server = Create(target ?? ServerTarget.UnderTest, ServerPlace.OnLoopback("default"), dataDirectory, extraArguments);
        try
        {
            await server.StartAsync();
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        return server;
    }

    /// <summary>A server that is not started yet. Without a data directory it gets a fresh one that is deleted at the end.</summary>
    public static ServerProcess Create(ServerTarget target, ServerPlace place, string? dataDirectory = null, params string[] extraArguments) =>
        new(target, place, dataDirectory, extraArguments);

    /// <summary>The whole command line, without the program.</summary>
    public IReadOnlyList<string> Arguments =>
    [
        "--name", Name, "--data-dir", DataDirectory,
        "--listen-client-urls", $"http://{Endpoint}", "--advertise-client-urls", $"http://{Endpoint}",
        "--listen-peer-urls", PeerUrl, "--initial-advertise-peer-urls", PeerUrl, "--initial-cluster", _place.InitialCluster,
        .. _extraArguments,
    ];

    /// <summary>Starts the stopped server again (same directory, same ports) and waits until it serves clients.</summary>
    /// <exception cref="InvalidOperationException">The process ended instead; the message holds its log.</exception>
    public async Task StartAsync()
    {
        Launch();
        await WaitUntilReadyAsync();
    }

    /// <summary>Waits until the launched server serves clients.</summary>
    /// <exception cref="InvalidOperationException">The process ended instead; the message holds its log.</exception>
    public async Task WaitUntilReadyAsync()
    {
        try
        {
            await _ready.Task.WaitAsync(_startLimit);
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException)
        {
            // That a process has ended is told before its last lines are read.
            if (e is InvalidOperationException)
                await WaitForExitAsync();
            throw new InvalidOperationException($"{Target.Name} did not become ready ({e.Message}). Its log:\n{Log}", e);
        }
    }

    /// <summary>Starts the stopped server again and does not wait for it.</summary>
    public void Launch()
    {
        _process?.Dispose();
        lock (_log)
            _firstLine = _log.Count;
        _ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        string[] commandLine = [.. _place.Launcher, Target.Binary, .. Arguments];
        var start = new ProcessStartInfo(commandLine[0], commandLine[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in _place.Environment)
            start.Environment[name] = value;
        // 3.4 writes plain lines by default; the text awaited below is in both formats.
        var process = _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        var ready = _ready;
        process.Exited += (_, _) => ready.TrySetException(new InvalidOperationException($"{Target.Name} ended at start-up"));
        process.OutputDataReceived += (_, line) => OnLine(line.Data);
        process.ErrorDataReceived += (_, line) => OnLine(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        // Nobody may be waiting when a process is killed at its start.
        _ = ready.Task.ContinueWith(static task => task.Exception, TaskScheduler.Default);
    }

    /// <summary>kill -9, and waits until the kernel has cleaned up.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await WaitForExitAsync();
    }

    /// <summary>SIGTERM; gives the exit code.</summary>
    public async Task<int> TerminateAsync()
    {
        SendTerm();
        return await WaitForExitAsync();
    }

    /// <summary>SIGTERM, without waiting.</summary>
    public void SendTerm() => Send(SigTerm);

    /// <summary>SIGKILL, without waiting.</summary>
    public void SendKill() => Send(SigKill);

    /// <summary>SIGSTOP: no thread of the process runs until <see cref="Thaw"/>; its connections stay open.</summary>
    public void Freeze() => Send(SigStop);

    /// <summary>SIGCONT.</summary>
    public void Thaw() => Send(SigCont);

    /// <summary>Waits for the end of the process; gives the exit code.</summary>
    public async Task<int> WaitForExitAsync()
    {
        using var limit = new CancellationTokenSource(_stopLimit);
        await _process!.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is { } process && !process.HasExited)
            await KillAsync();
        _process?.Dispose();
        _process = null;
        _ownDirectory?.Dispose();
    }

    private void Send(int signal)
    {
        if (SendSignal(Id, signal) != 0)
            throw new InvalidOperationException($"kill -{signal} {Id} failed: errno {Marshal.GetLastPInvokeError()}");
    }

    private void OnLine(string? line)
    {
        if (line is null)
            return;
        lock (_log)
            _log.Add(line);
        if (line.Contains(ReadyLine, StringComparison.Ordinal))
            _ready.TrySetResult();
        LineWritten?.Invoke(line);
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int pid, int signal);
}
