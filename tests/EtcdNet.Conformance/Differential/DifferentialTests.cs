using EtcdNet.Conformance.Differential.Sessions;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing;
using EtcdNet.Testing.Processes;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Differential;

/// <summary>
/// The same random sessions of several clients with a real etcd and with the server under test, request by request in turns: every answer and refusal, every
/// event of every watcher, and in the end the hash of the history are compared. Environment: ETCDNET_DIFFERENTIAL_REQUESTS (default 20,000), ETCDNET_SEED.
/// </summary>
public sealed class DifferentialTests(ITestOutputHelper output)
{
    private const int Usual = 20_000;

    // Of a run of the usual length only its own seed is known to meet all known differences; another one may pass by a rare one.
    private const int EnoughForAll = 100_000;

    [Fact]
    public async Task Random_sessions_get_the_answers_of_etcd()
    {
        int count = TestSeed.Setting("ETCDNET_DIFFERENTIAL_REQUESTS", Usual);
        int seed = TestSeed.Next();
        await using World world = await World.StartAsync(ServerTarget.UnderTest, seed, SessionRunner.Clients + 1);
        output.WriteLine($"seed {seed}, {count} requests, {world.Right.Server.Target.Name} against {world.Left.Server.Target.Name}");
        var runner = new SessionRunner(world);
        try
        {
            await runner.RunAsync(count);
            await CompareTheEndAsync(world, runner);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"seed {seed}, after {world.Requests} requests: {e.Message}\nThe last requests:\n{world.Last}", e);
        }

        Report.Write(output, world);
        // Sessions with locks and elections read much and write little.
        Assert.True(world.Store.Revision > count / 20, $"{count} requests made only {world.Store.Revision} revisions");
        Assert.True(runner.Events > count / 20, $"{count} requests showed only {runner.Events} events to watchers");
        if (world.Right.Server.Target.IsEtcdNet)
            Assert.True(world.Right.Pieces > world.Outcomes["RangeStream OK"], "every range came in one piece");
        if (count >= (TestSeed.IsOwn ? Usual : EnoughForAll) && world.Right.Server.Target.IsEtcdNet)
            Report.AssertAllMet(world, KnownDifferences.General);
    }

    private static async Task CompareTheEndAsync(World world, SessionRunner runner)
    {
        using var watching = new KvSession(world, SessionRunner.Clients);
        await watching.StartAsync();
        await watching.CompareFragmentsAsync();
        await watching.EndAsync();
        long step = 1 + (world.Store.Revision - world.Store.Compacted) / 20;
        for (long revision = world.Store.Compacted + 1; revision <= world.Store.Revision; revision += step)
            await world.CallAsync(0, "HashKV", new HashKVRequest { Revision = revision });
        await runner.CompareExpiryAsync();
        await runner.CompareChosenLeasesAsync();
    }
}
