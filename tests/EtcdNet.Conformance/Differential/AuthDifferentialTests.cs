using EtcdNet.Conformance.Differential.Sessions;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing;
using EtcdNet.Testing.Processes;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Differential;

/// <summary>
/// The same with users, roles and permissions: several clients manage them, and use keys, leases, watchers and what administrators do with tokens of all
/// users. Environment: ETCDNET_DIFFERENTIAL_REQUESTS (of which this test makes a quarter), ETCDNET_SEED.
/// </summary>
public sealed class AuthDifferentialTests(ITestOutputHelper output)
{
    private const int Clients = 4;
    private const int RenewEvery = 150;

    /// <summary>Requests after which each of the known differences has been met, whatever the seed.</summary>
    private const int EnoughForAll = 20_000;

    [Fact]
    public async Task Users_may_do_what_etcd_lets_them_do()
    {
        int count = TestSeed.Setting("ETCDNET_DIFFERENTIAL_REQUESTS", 20_000) / 4;
        int seed = TestSeed.Next();
        // The least cost that there is: it is about who may what, not about how long a password holds.
        await using World world = await World.StartAsync(ServerTarget.UnderTest, seed, Clients, "--bcrypt-cost", "4", "--auth-token", "simple");
        output.WriteLine($"seed {seed}, {count} requests, {world.Right.Server.Target.Name} against {world.Left.Server.Target.Name}");
        try
        {
            await RunAsync(world, count);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"seed {seed}, after {world.Requests} requests: {e.Message}\nThe last requests:\n{world.Last}", e);
        }

        Report.Write(output, world);
        int Times(string ending) => world.Outcomes.Where(one => one.Key.EndsWith(ending, StringComparison.Ordinal)).Sum(static one => one.Value);
        Assert.True(Times("permission denied") > count / 20, "hardly anything was forbidden");
        Assert.True(Times(" OK") > count / 4, "hardly anything was allowed");
        if (world.Right.Server.Target.IsEtcdNet && count >= EnoughForAll)
            Report.AssertAllMet(world, KnownDifferences.Auth);
    }

    private static async Task RunAsync(World world, int count)
    {
        var book = new AuthBook();
        AuthSession[] sessions = [.. Enumerable.Range(0, Clients).Select(client => new AuthSession(world, client, book))];
        await book.EnableAsync(world, 0);
        for (var i = 0; world.Requests < count; i++)
        {
            await sessions[world.Random.Next(Clients)].StepAsync();
            // A change of root's password has ended its tokens; and it may have lost its role while authentication was off.
            if (i % RenewEvery == 0)
                await book.EnableAsync(world, 0);
        }

        for (long revision = world.Store.Compacted + 1; revision <= world.Store.Revision; revision += 1 + (world.Store.Revision - world.Store.Compacted) / 10)
            await world.CallAsync(0, "HashKV", new HashKVRequest { Revision = revision }, book.Root);
    }
}
