using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace EtcdNet.Benchmarks.Raft;

/// <summary>Runs the micro benchmarks of the Raft core and prints entries a second and bytes an entry.</summary>
internal static class RaftBenchmarks
{
    /// <summary>Returns the exit code: 0 when the benchmark ran.</summary>
    public static int Run()
    {
        // In this process: the project that BenchmarkDotNet would generate does not build in a solution with artifacts output.
        var config = ManualConfig.CreateEmpty()
            .AddJob(Job.ShortRun.WithIterationCount(10).WithToolchain(InProcessEmitToolchain.Instance))
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddLogger(ConsoleLogger.Default);
        config.ArtifactsPath = Path.Combine(Path.GetTempPath(), "etcdnet-benchmarks");
        var report = BenchmarkRunner.Run<ReplicationBenchmark>(config).Reports.FirstOrDefault();
        if (report?.ResultStatistics is not { } statistics)
            return 1;
        Console.WriteLine($"{1e9 / statistics.Median:N0} entries/s, {report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase)} B allocated an entry (three members together, payload not counted)");
        return 0;
    }
}
