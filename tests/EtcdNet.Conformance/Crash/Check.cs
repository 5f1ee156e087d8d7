using System.Globalization;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Conformance.Crash;

/// <summary>What has to hold after a restart. Goes from round to round with the server.</summary>
internal sealed class Check(Random random)
{
    private const int OldRevisions = 2;
    private static readonly ByteString _from = ByteString.CopyFromUtf8("k");
    private static readonly ByteString _to = ByteString.CopyFromUtf8("n");
    private readonly History _history = new();

    /// <summary>The store's revision after the last check.</summary>
    public long Revision { get; private set; } = 1;

    /// <summary>The store's compact revision.</summary>
    public long Compacted => _history.Compacted;

    /// <summary>Acknowledged writes that were found again.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>Writes without an answer that had happened.</summary>
    public long Unanswered { get; private set; }

    /// <summary>Hashes that were told before a kill and are the same after it.</summary>
    public long Hashes { get; private set; }

    /// <summary>Compactions that were in the log, and not finished or at least not acknowledged.</summary>
    public long Interrupted { get; private set; }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Acknowledged} acknowledged writes, {Unanswered} more that had happened without an answer, {Interrupted} interrupted compactions, "
        + $"{Hashes} hashes compared, revision {Revision}, compacted {Compacted}";

    /// <summary>Compares everything.</summary>
    public async Task RunAsync(ServerProcess server, Ledger ledger)
    {
        using var client = new EtcdClient(server.ClientUrl);
        HashKVResponse current = (await client.HashKvAsync(0)).Answer;
        long now = current.Header.Revision;
        Assert.True(now >= ledger.HighestRevision, $"revision {now} after the restart, but {ledger.HighestRevision} was acknowledged");
        CheckCompaction(Math.Max(0, current.CompactRevision), ledger);
        CheckWrites(await EventsAsync(client, Revision + 1, now), ledger);
        await CheckPairsAsync(client, now, now);
        for (int i = 0; i < OldRevisions; i++)
            await CheckPairsAsync(client, random.NextInt64(Math.Max(1, Compacted), now + 1), now);
        await CheckRefusedAsync(client, now);
        await CheckHashesAsync(client, ledger);
        Assert.Equal(LoadClient.Leases, (await client.LeasesAsync()).Answer.Leases.Count);

        // The next write continues the revisions.
        Revision = (await client.PutAsync("after", "1")).Answer.Header.Revision;
        Assert.Equal(now + 1, Revision);
    }

    /// <summary>Compacts everything, so that a history of large values is not read again and again.</summary>
    public async Task CompactAsync(ServerProcess server)
    {
        using var client = new EtcdClient(server.ClientUrl);
        Assert.Equal(Revision, (await client.CompactAsync(new CompactionRequest { Revision = Revision, Physical = true })).Answer.Header.Revision);
        _history.Compact(Revision);
    }

    private void CheckCompaction(long compacted, Ledger ledger)
    {
        if (ledger.CompactionDone)
            Assert.Equal(ledger.CompactionAsked, compacted);
        else
            Assert.Contains(compacted, new[] { Compacted, ledger.CompactionAsked });
        if (!ledger.CompactionDone && compacted > Compacted)
            Interrupted++;
        if (compacted > Compacted)
            _history.Compact(compacted);
    }

    private void CheckWrites(SortedDictionary<long, List<Event>> events, Ledger ledger)
    {
        foreach (long revision in ledger.Acknowledged.Keys)
            Assert.True(events.ContainsKey(revision), $"write {ledger.Acknowledged[revision]} of revision {revision} is gone");
        var open = ledger.Open.ToDictionary(static write => write.Id);
        foreach ((long revision, List<Event> changes) in events)
        {
            if (ledger.Acknowledged.TryGetValue(revision, out Write? write))
            {
                Acknowledged++;
            }
            else
            {
                // Never acknowledged: one whole open write, and no write may have happened twice.
                long id = IdOf(changes.First(static change => change.Type == Event.Types.EventType.Put).Kv.Value);
                Assert.True(open.Remove(id, out write), $"revision {revision} holds a write {id} that nobody sent, or a second time");
                Unanswered++;
            }

            AssertWhole(write, changes, revision);
            _history.Add(revision, write);
        }
    }

    private static long IdOf(ByteString value) => long.Parse(value.ToStringUtf8().Split('.')[0], CultureInfo.InvariantCulture);

    private static void AssertWhole(Write write, List<Event> events, long revision)
    {
        var puts = events.Where(e => e.Type == Event.Types.EventType.Put).ToList();
        Assert.Equal(write.Puts, puts.Select(e => e.Kv.Key.ToStringUtf8()));
        ByteString value = write.Value;
        Assert.All(puts, e => Assert.True(value == e.Kv.Value, $"another value than that of {write}"));
        Assert.All(events, e => Assert.Equal(revision, e.Kv.ModRevision));
        // A deletion of a key that is not there leaves no event.
        var deleted = events.Except(puts).Select(e => e.Kv.Key.ToStringUtf8());
        Assert.Empty(write.IsDelete ? deleted.Except(write.Keys) : deleted);
    }

    private async Task CheckPairsAsync(EtcdClient client, long revision, long now)
    {
        var all = new RangeRequest { Key = _from, RangeEnd = _to, Revision = revision };
        RangeResponse answer = (await client.RangeAsync(all)).Answer;
        Assert.Equal(now, answer.Header.Revision);
        _history.AssertSame(revision, answer.Kvs);
    }

    private async Task CheckRefusedAsync(EtcdClient client, long now)
    {
        if (Compacted > 1)
            Assert.Equal(GrpcStatus.OutOfRange, (await client.RangeAsync(new RangeRequest { Key = _from, Revision = Compacted - 1 })).Status);
        Assert.Equal(GrpcStatus.OutOfRange, (await client.RangeAsync(new RangeRequest { Key = _from, Revision = now + 1 })).Status);
    }

    // A compaction changes the hashes behind it, as in etcd.
    private async Task CheckHashesAsync(EtcdClient client, Ledger ledger)
    {
        foreach (HashNote note in ledger.Hashes.Where(note => Math.Max(0, note.CompactRevision) == Compacted))
        {
            HashKVResponse answer = (await client.HashKvAsync(note.Revision)).Answer;
            Assert.Equal(note, new HashNote(note.Revision, answer.Hash, answer.CompactRevision));
            Hashes++;
        }
    }

    // A watch from an old revision reads the whole history: revision → events. It ends at the revision "to".
    private static async Task<SortedDictionary<long, List<Event>>> EventsAsync(EtcdClient client, long from, long to)
    {
        var history = new SortedDictionary<long, List<Event>>();
        if (from > to)
            return history;
        using var watch = client.Watch();
        watch.Send(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = _from, RangeEnd = _to, StartRevision = from } });
        Assert.True((await watch.NextAsync()).Created);
        var last = from - 1;
        while (last < to)
        {
            WatchResponse response = await watch.NextAsync(TimeSpan.FromSeconds(60));
            Assert.False(response.Canceled, $"the watch from revision {from} was cancelled: {response}");
            foreach (Event change in response.Events)
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
}
