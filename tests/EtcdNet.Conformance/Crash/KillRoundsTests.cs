using System.Globalization;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Crash;

/// <summary>
/// kill -9 in the middle of concurrent writes, again and again on one data directory. After every restart each acknowledged write of the round is in the
/// history at its revision, and a write that got no answer is there as a whole or not at all.
/// Environment: ETCDNET_KILL_ROUNDS (default 100), ETCDNET_SEED.
/// </summary>
public sealed class KillRoundsTests(ITestOutputHelper output)
{
    private const int Clients = 16;
    private static readonly ByteString _from = ByteString.CopyFromUtf8("k");
    private static readonly ByteString _to = ByteString.CopyFromUtf8("n");

    [Fact]
    public async Task Acknowledged_writes_survive_every_kill()
    {
        var rounds = Setting("ETCDNET_KILL_ROUNDS", 100);
        var seed = Setting("ETCDNET_SEED", Environment.TickCount);
        output.WriteLine($"seed {seed}, {rounds} rounds");
        var random = new Random(seed);
        await using var server = await ServerProcess.StartAsync();
        var (revision, acknowledged) = (1L, 0);
        for (var round = 0; round < rounds; round++)
        {
            try
            {
                var ledger = await LoadUntilKilledAsync(server, random);
                await server.StartAsync();
                revision = await CheckAsync(server, ledger, revision);
                acknowledged += ledger.Acknowledged.Count;
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}, round {round}: {e.Message}", e);
            }
        }

        output.WriteLine($"{acknowledged} acknowledged writes, revision {revision}");
        Assert.True(acknowledged > rounds, $"only {acknowledged} writes were acknowledged in {rounds} rounds: the server was killed before the load began");
    }

    private static async Task<Ledger> LoadUntilKilledAsync(ServerProcess server, Random random)
    {
        var ledger = new Ledger();
        using var client = new EtcdClient(server.ClientUrl);
        var clients = Enumerable.Range(0, Clients).Select(i => new LoadClient(i, ledger, random.Next()).RunAsync(client)).ToArray();
        // The moment of the kill is counted in acknowledged writes, not in time, so that it falls into the load on every machine.
        var enough = random.Next(1, 400);
        await Deadline.UntilAsync(() => Task.FromResult(ledger.Acknowledged.Count >= enough), TimeSpan.FromSeconds(20));
        await server.KillAsync();
        await Task.WhenAll(clients).WaitAsync(TimeSpan.FromSeconds(20));
        return ledger;
    }

    // Gives the revision of the store after the restart.
    private static async Task<long> CheckAsync(ServerProcess server, Ledger ledger, long before)
    {
        using var client = new EtcdClient(server.ClientUrl);
        var now = (await client.RangeAsync("kill/")).Answer.Header.Revision;
        Assert.True(now >= ledger.HighestRevision, $"revision {now} after the restart, but {ledger.HighestRevision} was acknowledged");
        var history = await HistoryAsync(client, before + 1, now);
        foreach (var (revision, write) in ledger.Acknowledged)
        {
            Assert.True(history.Remove(revision, out var events), $"write {write} of revision {revision} is gone");
            AssertWhole(write, events, revision);
        }

        // What is left was never acknowledged: each revision must be one whole open write, and no write may have happened twice.
        var open = ledger.Open.ToDictionary(w => w.Id);
        foreach (var (revision, events) in history)
        {
            var put = events.First(e => e.Type == EtcdNet.Protocol.Mvccpb.Event.Types.EventType.Put);
            var id = long.Parse(put.Kv.Value.ToStringUtf8(), CultureInfo.InvariantCulture);
            Assert.True(open.Remove(id, out var write), $"revision {revision} holds a write {id} that nobody sent, or a second time");
            AssertWhole(write, events, revision);
        }

        // The next write continues the revisions.
        var next = (await client.PutAsync("after", "1")).Answer.Header.Revision;
        Assert.Equal(now + 1, next);
        return next;
    }

    private static void AssertWhole(Write write, List<EtcdNet.Protocol.Mvccpb.Event> events, long revision)
    {
        var value = write.Id.ToString(CultureInfo.InvariantCulture);
        var puts = events.Where(e => e.Type == EtcdNet.Protocol.Mvccpb.Event.Types.EventType.Put).ToList();
        string[] expected = write.IsDelete ? [LoadClient.MarkerOf(write)] : write.Keys;
        Assert.Equal(expected, puts.Select(e => e.Kv.Key.ToStringUtf8()));
        Assert.All(puts, e => Assert.Equal(value, e.Kv.Value.ToStringUtf8()));
        Assert.All(events, e => Assert.Equal(revision, e.Kv.ModRevision));
        // A deletion of a key that is not there leaves no event.
        var deleted = events.Except(puts).Select(e => e.Kv.Key.ToStringUtf8());
        Assert.Empty(write.IsDelete ? deleted.Except(write.Keys) : deleted);
    }

    // A watch from an old revision reads the whole history: revision → events. It ends at the revision "to".
    private static async Task<Dictionary<long, List<EtcdNet.Protocol.Mvccpb.Event>>> HistoryAsync(EtcdClient client, long from, long to)
    {
        var history = new Dictionary<long, List<EtcdNet.Protocol.Mvccpb.Event>>();
        if (from > to)
            return history;
        using var watch = client.Watch();
        watch.Send(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = _from, RangeEnd = _to, StartRevision = from } });
        Assert.True((await watch.NextAsync()).Created);
        var last = from - 1;
        while (last < to)
        {
            foreach (var change in (await watch.NextAsync()).Events)
            {
                Assert.True(change.Kv.ModRevision >= last, $"event of revision {change.Kv.ModRevision} behind one of {last}");
                last = change.Kv.ModRevision;
                if (!history.TryGetValue(last, out var events))
                    history[last] = events = [];
                events.Add(change);
            }
        }

        return history;
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
