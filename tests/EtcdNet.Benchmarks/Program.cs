using System.Globalization;
using EtcdNet.Benchmarks;
using EtcdNet.Benchmarks.Raft;
using EtcdNet.Testing.Processes;

// "raft": the core alone, without servers.
if (args is ["raft"])
    return RaftBenchmarks.Run();

// Arguments: [requests a run, default 40000] [rounds, default 3]
var requests = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 40_000;
var rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 3;

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
    for (var round = 0; round <= rounds; round++)
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

return 0;

static Measurement Ratio(Measurement a, Measurement b) => new(
    a.RequestsPerSecond / b.RequestsPerSecond, a.P50Milliseconds / b.P50Milliseconds, a.P99Milliseconds / b.P99Milliseconds,
    a.CpuMicroseconds / b.CpuMicroseconds, a.ResidentMebibytes / b.ResidentMebibytes);

static void Print(string load, string name, Measurement m, string format) => Console.WriteLine(
    $"{load,-18} {name,-16} {m.RequestsPerSecond.ToString(format),9} {m.P50Milliseconds.ToString(format),8} {m.P99Milliseconds.ToString(format),8} " +
    $"{m.CpuMicroseconds.ToString(format),10} {m.ResidentMebibytes.ToString(format),8}");
