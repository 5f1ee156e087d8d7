using System.Diagnostics;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Benchmarks.Limits;

/// <summary>One server, freshly started for one scenario, and what its steps cost.</summary>
internal sealed class LimitsRun(ServerProcess server) : IDisposable
{
    /// <summary>The server.</summary>
    public ServerProcess Server { get; } = server;

    /// <summary>Where it listens for clients.</summary>
    public Uri Url => Server.ClientUrl;

    /// <summary>For what is not measured, and for requests that are too large for the load generator.</summary>
    public EtcdClient Client { get; } = new(server.ClientUrl);

    /// <summary>The steps in their order.</summary>
    public List<Step> Steps { get; } = [];

    /// <summary>Figures that are not the cost of a step, such as latencies in milliseconds.</summary>
    public List<(string Name, double Figure)> Figures { get; } = [];

    /// <summary>Does something and notes what it cost.</summary>
    public async Task StepAsync(string name, Func<Task> work)
    {
        ProcessMeter.ResetPeak(Server.Id);
        double cpu = ProcessMeter.CpuSeconds(Server.Id);
        long started = Stopwatch.GetTimestamp();
        await work();
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        Steps.Add(new Step(
            name, seconds, ProcessMeter.CpuSeconds(Server.Id) - cpu, ProcessMeter.ResidentMebibytes(Server.Id),
            ProcessMeter.PrivateMebibytes(Server.Id), ProcessMeter.PeakMebibytes(Server.Id)));
        Console.Error.WriteLine($"{Server.Target.Name,-14} {Steps[^1]}");
    }

    /// <summary>Notes the middle and the end of a distribution.</summary>
    /// <param name="name">What was measured.</param>
    /// <param name="ascending">Milliseconds.</param>
    public void Latencies(string name, double[] ascending)
    {
        Figures.Add(($"{name}, p50 ms", ascending[ascending.Length / 2]));
        Figures.Add(($"{name}, p99 ms", ascending[(int)(ascending.Length * 0.99)]));
    }

    /// <inheritdoc/>
    public void Dispose() => Client.Dispose();
}
