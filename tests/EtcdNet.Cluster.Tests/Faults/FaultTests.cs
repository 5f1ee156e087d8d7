using System.Diagnostics;
using EtcdNet.Testing;
using EtcdNet.Testing.Processes;
using Xunit.Abstractions;

namespace EtcdNet.Cluster.Tests.Faults;

/// <summary>
/// Three members in network namespaces and on disks of their own, six clients, two watchers and three leases, and one fault after the
/// other: each once, then in random order until ETCDNET_FAULT_MINUTES (3) are over; tests/cluster-faults takes longer.
/// ETCDNET_FAULT_ONLY: only faults whose name contains it. The real etcd passes too (ETCDNET_TEST_TARGET=etcd).
/// </summary>
public sealed class FaultTests(ITestOutputHelper output)
{
    private const int Members = 3;

    [Fact]
    public async Task Nothing_is_lost_stale_doubled_or_out_of_order_whatever_breaks()
    {
        int seed = TestSeed.Next();
        int minutes = TestSeed.Setting("ETCDNET_FAULT_MINUTES", 3);
        string only = Environment.GetEnvironmentVariable("ETCDNET_FAULT_ONLY") ?? "";
        Tell($"seed {seed}, {minutes} minutes, each fault at least once");
        var random = new Random(seed);
        using WallClocks clocks = await WallClocks.CreateAsync(Members);
        await using ProcessCluster cluster = await ProcessCluster.IsolatedAsync(Members, clocks.EnvironmentOf, "--snapshot-count", "500");
        await using var session = new FaultSession(cluster, random.Next());
        (string Name, Func<Load.LoadProgress, Random, Task> Run)[] faults =
            [.. new FaultList(cluster, session.Endpoints, clocks).All.Where(fault => fault.Name.Contains(only, StringComparison.Ordinal))];
        var watch = Stopwatch.StartNew();
        string current = "";
        try
        {
            for (int phase = 0; phase < faults.Length || watch.Elapsed.TotalMinutes < minutes; phase++)
            {
                if (phase > 0 && phase % faults.Length == 0)
                    random.Shuffle(faults);
                var fault = faults[phase % faults.Length];
                current = fault.Name;
                TimeSpan begun = watch.Elapsed;
                string line = await session.RunPhaseAsync(fault.Name, fault.Run);
                Tell($"{begun:hh\\:mm\\:ss} +{(watch.Elapsed - begun).TotalSeconds:0.0} s {line}");
            }
        }
        catch (Exception error)
        {
            throw new InvalidOperationException($"seed {seed}, {current}: {error.Message}\nlogs: {cluster.KeepLogs($"faults-{seed}")}", error);
        }

        var leases = session.Leases;
        Tell($"{session.Operations} operations judged, {leases.Renewals} renewals, {leases.Ended} leases ended, {watch.Elapsed.TotalSeconds:0} s");
        Assert.True(session.Operations > 100 * faults.Length, $"only {session.Operations} operations");
        Assert.True(only.Length > 0 || leases is { Renewals: > 10, Ended: > 2 }, $"only {leases} renewals and ends of leases");
    }

    private void Tell(string line)
    {
        output.WriteLine(line);
        Console.Error.WriteLine(line);
    }
}
