using System.Globalization;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Benchmarks;

/// <summary>h2load against a real etcd and EtcdNet in turns. Arguments: [requests a run, 40000] [rounds, 3].</summary>
internal static class LoadComparison
{
    /// <summary>Runs all workloads and prints a table.</summary>
    public static async Task RunAsync(string[] args)
    {
        int requests = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 40_000;
        int rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 3;
        using var files = new TempDirectory();
        await using var oracle = await ServerProcess.StartAsync(ServerTarget.Oracle);
        await using var tested = await ServerProcess.StartAsync();
        using var left = new Bench(oracle, files);
        using var right = new Bench(tested, files);
        Console.WriteLine($"{right.Name} against {left.Name}: {requests} requests a run, {rounds} rounds in turns, medians; ratio = {right.Name} / {left.Name}");
        Console.WriteLine($"{"workload",-18} {"",-16} {"req/s",9} {"p50 ms",8} {"p99 ms",8} {"CPU µs/req",10} {"RSS MiB",8}");
        foreach (var load in Workload.All)
        {
            var (lefts, rights) = (new List<Measurement>(), new List<Measurement>());
            // Round 0 warms up caches and the compiler, and is not counted.
            for (int round = 0; round <= rounds; round++)
            {
                var (l, r) = (await left.RunAsync(load, round, requests), await right.RunAsync(load, round, requests));
                if (round == 0)
                    continue;
                lefts.Add(l);
                rights.Add(r);
            }

            Print(load.Name, left.Name, Measurement.Median(lefts), "0.0");
            Print("", right.Name, Measurement.Median(rights), "0.0");
            Print("", "ratio", Ratio(Measurement.Median(rights), Measurement.Median(lefts)), "0.00");
        }
    }

    private static Measurement Ratio(Measurement a, Measurement b) => new(
        a.RequestsPerSecond / b.RequestsPerSecond, a.P50Milliseconds / b.P50Milliseconds, a.P99Milliseconds / b.P99Milliseconds,
        a.CpuMicroseconds / b.CpuMicroseconds, a.ResidentMebibytes / b.ResidentMebibytes);

    private static void Print(string load, string name, Measurement m, string format) => Console.WriteLine(
        $"{load,-18} {name,-16} {m.RequestsPerSecond.ToString(format),9} {m.P50Milliseconds.ToString(format),8} {m.P99Milliseconds.ToString(format),8} " +
        $"{m.CpuMicroseconds.ToString(format),10} {m.ResidentMebibytes.ToString(format),8}");
}
