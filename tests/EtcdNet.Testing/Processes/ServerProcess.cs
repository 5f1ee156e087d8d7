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
    private const int SigTerm = 15;
    private static readonly TimeSpan _startLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan _stopLimit = TimeSpan.FromSeconds(20);

    private readonly List<string> _extraArguments;
    private readonly List<string> _log = [];
    private readonly TempDirectory? _ownDirectory;
    private Process? _process;
    private int _firstLine;
    private TaskCompletionSource _ready = new();

    private ServerProcess(ServerTarget target, string? dataDirectory, string[] extraArguments)
    {
        Target = target;
        if (dataDirectory is null)
            _ownDirectory = new TempDirectory();
        DataDirectory = dataDirectory ?? _ownDirectory!.At("data");
        _extraArguments = [.. extraArguments];
        var ports = FreePorts.Take(2);
        Endpoint = $"127.0.0.1:{ports[0]}";
        PeerUrl = $"http://127.0.0.1:{ports[1]}";
    }

    /// <summary>Which program runs.</summary>
    public ServerTarget Target { get; }

    /// <summary>The value of --data-dir.</summary>
    public string DataDirectory { get; }

    /// <summary>host:port for clients.</summary>
    public string Endpoint { get; }

    /// <summary>URL for clients.</summary>
    public Uri ClientUrl => new($"http://{Endpoint}");

    /// <summary>URL for other members.</summary>
    public string PeerUrl { get; }

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
        var server = new ServerProcess(target ?? ServerTarget.UnderTest, dataDirectory, extraArguments);
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

    /// <summary>The whole command line, without the program.</summary>
    public IReadOnlyList<string> Arguments =>
    [
        "--name", "default", "--data-dir", DataDirectory,
        "--listen-client-urls", $"http://{Endpoint}", "--advertise-client-urls", $"http://{Endpoint}",
        "--listen-peer-urls", PeerUrl, "--initial-advertise-peer-urls", PeerUrl, "--initial-cluster", $"default={PeerUrl}",
        .. _extraArguments,
    ];

    /// <summary>Starts the stopped server again (same directory, same ports) and waits until it serves clients.</summary>
    /// <exception cref="InvalidOperationException">The process ended instead; the message holds its log.</exception>
    public async Task StartAsync()
    {
        Launch();
        try
        {
            await _ready.Task.WaitAsync(_startLimit);
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException)
        {
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
        var start = new ProcessStartInfo(Target.Binary, Arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
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
    public void SendTerm()
    {
        if (SendSignal(Id, SigTerm) != 0)
            throw new InvalidOperationException($"kill -TERM {Id} failed: errno {Marshal.GetLastPInvokeError()}");
    }

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
        _ownDirectory?.Dispose();
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
