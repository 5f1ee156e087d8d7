namespace EtcdNet.Benchmarks;

/// <summary>Plays the same load to two servers in turns and prints what it cost each, and the ratio.</summary>
internal static class ComparisonTable
{
    /// <summary>Runs all workloads; prints a row for each server and one for the ratio of the right to the left.</summary>
    public static async Task RunAsync(Bench left, Bench right, IEnumerable<Workload> loads, int requests, int rounds)
    {
        Console.WriteLine($"{right.Name} against {left.Name}: {requests} requests a run, {rounds} rounds in turns, medians; ratio = {right.Name} / {left.Name}");
        Console.WriteLine($"{"workload",-18} {"",-16} {"req/s",9} {"p50 ms",8} {"p99 ms",8} {"CPU µs/req",10} {"RSS MiB",8}");
        foreach (var load in loads)
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
