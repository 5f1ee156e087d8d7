using System.Diagnostics;
using System.Globalization;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Crash;

/// <summary>
/// kill -9 in the middle of concurrent writes, again and again on one data directory: at any moment, during a compaction, a checkpoint, a switch of log
/// segments, and the recovery itself. After every restart the whole store is what the answers say: each acknowledged write at its revision, one without an
/// answer as a whole or not at all; old revisions and hashes as before. Environment: ETCDNET_KILL_ROUNDS (default 60), ETCDNET_SEED.
/// </summary>
public sealed class KillRoundsTests(ITestOutputHelper output)
{
    private const int Clients = 16;
    private readonly DuringRecovery _recovery = new();

    [Fact]
    public async Task Acknowledged_writes_survive_every_kill()
    {
        var rounds = TestSeed.Setting("ETCDNET_KILL_ROUNDS", 60);
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}, {rounds} rounds");
        var random = new Random(seed);
        await using var server = await ServerProcess.StartAsync();
        await GrantLeasesAsync(server);
        var check = new Check(random);
        Aim[] aims = Aims();
        for (var round = 0; round < rounds; round++)
        {
            Aim aim = aims[round % aims.Length];
            if (round % 50 == 0)
                Console.Error.WriteLine($"kill round {round}, {DateTime.UtcNow:T}");
            try
            {
                await RunAsync(server, aim, check, round, random);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}, round {round}, {aim.Name}: {e.Message}\n{server.LogSinceStart}", e);
            }
        }

        foreach (Aim aim in aims.Distinct())
            output.WriteLine(aim.ToString());
        output.WriteLine(check.ToString());
        Assert.True(check.Acknowledged > rounds, $"only {check.Acknowledged} writes were acknowledged: the server was killed before the load began");
        Assert.True(check.Hashes >= rounds / 2, $"only {check.Hashes} hashes could be compared");
    }

    // Twenty rounds; each aim comes at least once.
    private Aim[] Aims()
    {
        var (writes, compaction, stop) = (new DuringWrites(), new DuringCompaction(), new DuringCheckpoint(byVolume: false));
        var (checkpoint, segment) = (new DuringCheckpoint(byVolume: true), new DuringSegmentSwitch());
        return
        [
            writes, _recovery, compaction, writes, stop, writes, _recovery, compaction, checkpoint, writes,
            _recovery, writes, compaction, stop, writes, _recovery, compaction, writes, segment, writes,
        ];
    }

    private async Task RunAsync(ServerProcess server, Aim aim, Check check, int number, Random random)
    {
        var ledger = new Ledger();
        using (var client = new EtcdClient(server.ClientUrl))
        {
            var round = new KillRound(server, client, ledger, random, check.Revision, check.Compacted);
            await round.NoteHashAsync(check.Revision);
            var clients = Enumerable.Range(0, Clients).Select(i => new LoadClient(i, number, aim.Load, ledger, random.Next()).RunAsync(client)).ToArray();
            Task killed = aim.KillAsync(round);
            await round.WaitForWritesAsync(random.Next(1, 50), until: killed);
            await Task.WhenAll(killed, round.NoteHashAsync(ledger.HighestRevision));
            await Task.WhenAll(clients).WaitAsync(TimeSpan.FromSeconds(60));
            aim.Rounds++;
            aim.Hits += aim.IsHit(round) ? 1 : 0;
        }

        var started = Stopwatch.StartNew();
        await server.StartAsync();
        _recovery.StartTime = started.Elapsed;
        await check.RunAsync(server, ledger);
        if (aim.Load == Load.Large)
            await check.CompactAsync(server);
    }

    private static async Task GrantLeasesAsync(ServerProcess server)
    {
        using var client = new EtcdClient(server.ClientUrl);
        for (int lease = 1; lease <= LoadClient.Leases; lease++)
            Assert.Equal(lease, (await client.LeaseGrantAsync(new LeaseGrantRequest { ID = lease, TTL = 1_000_000 })).Answer.ID);
    }
}
