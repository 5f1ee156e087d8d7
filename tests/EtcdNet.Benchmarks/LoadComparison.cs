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
        await ComparisonTable.RunAsync(left, right, Workload.All, requests, rounds);
    }
}
