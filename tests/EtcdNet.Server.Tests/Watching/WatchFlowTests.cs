using System.Runtime.InteropServices;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Server.Watching;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.Server.Tests.Watching;

/// <summary>Slow clients, storms, compaction, replaced state: nothing is lost, nothing grows without bound.</summary>
public sealed class WatchFlowTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(5000)]
    public async Task A_slow_client_becomes_unsynced_and_gets_everything_later(int recentMax)
    {
        const int Writes = 2000;
        using var world = new WatchWorld(new WatchOptions { QueuedResponsesMax = 8, RecentRevisionsMax = recentMax });
        WatchCall call = world.Open();
        await call.CreateAsync("k");
        WatchCall quick = world.Open();
        await quick.CreateAsync("k");
        call.Responses.CloseWindow();
        for (int i = 0; i < Writes; i++)
        {
            world.Store.Put("k", $"{i}");
            Assert.Single(await quick.EventsAsync());
            Assert.InRange(world.Hub.PendingEventsTotal, 0, 16);
        }
        Assert.Equal(1, world.Hub.SlowWatcherTotal);
        call.Responses.OpenWindow();
        await ExpectAsync(call, Enumerable.Range(2, Writes).Select(static i => (long)i));
        await Deadline.UntilAsync(() => world.Hub.SlowWatcherTotal == 0, "the slow watcher to be synced");
        world.Store.Put("k", "live");
        Assert.Equal(Writes + 2, (await call.EventsAsync())[0].Kv.ModRevision);
        await call.NothingMoreAsync();
        await Deadline.UntilAsync(() => world.Hub.EventsTotal == 2 * (Writes + 1), "the events to be counted");
        Assert.Equal(recentMax == 1, world.Store.Opened > 0);
    }

    [Fact]
    public async Task Large_events_fill_the_queue_by_bytes_and_a_shared_event_counts_once()
    {
        var options = new WatchOptions { QueuedBytesMax = 10_000, QueuedResponsesMax = 1_000_000 };
        using var world = new WatchWorld(options);
        WatchCall call = world.Open();
        for (int i = 0; i < 20; i++)
            await call.CreateAsync("k");
        await BlockAsync(world, call);
        for (int i = 0; i < 5; i++)
            world.Store.Put("k", new string('v', 3000));
        Assert.Equal(20, world.Hub.SlowWatcherTotal);
        Assert.Equal(80, world.Hub.PendingEventsTotal);
        call.Responses.OpenWindow();
        var seen = new Dictionary<long, List<long>>();
        Assert.Equal(20, (await call.NextAsync()).WatchId);
        for (int i = 0; i < 20 * 5;)
        {
            WatchResponse response = await call.NextAsync();
            if (!seen.TryGetValue(response.WatchId, out List<long>? revisions))
                seen.Add(response.WatchId, revisions = []);
            revisions.AddRange(response.Events.Select(static one => one.Kv.ModRevision));
            i += response.Events.Count;
        }
        Assert.Equal(20, seen.Count);
        Assert.All(seen.Values, static revisions => Assert.Equal([3, 4, 5, 6, 7], revisions));
    }

    [Fact]
    public async Task Compaction_overtaking_a_slow_watcher_cancels_it_once()
    {
        using var world = new WatchWorld(new WatchOptions { QueuedResponsesMax = 2, RecentRevisionsMax = 1 });
        WatchCall call = world.Open();
        await call.CreateAsync("k");
        call.Responses.CloseWindow();
        for (int i = 2; i <= 20; i++)
            world.Store.Put("k", $"{i}");
        world.Store.Compact(19);
        call.Responses.OpenWindow();
        long next = 2;
        while (true)
        {
            WatchResponse response = await call.NextAsync();
            if (response.Canceled)
            {
                Assert.Equal(19, response.CompactRevision);
                break;
            }
            foreach (Event one in response.Events)
                Assert.Equal(next++, one.Kv.ModRevision);
        }
        Assert.InRange(next, 3, 18);
        // The client's own cancel is still answered, as etcd does.
        call.SendCancel(0);
        WatchResponse cancelled = await call.NextAsync();
        Assert.Equal((true, 0L), (cancelled.Canceled, cancelled.CompactRevision));
        call.SendCancel(0);
        await call.NothingMoreAsync();
        Assert.Equal((0, 0), (world.Hub.WatcherTotal, world.Hub.SlowWatcherTotal));
    }

    [Fact]
    public async Task Compaction_between_two_reads_of_the_past_cancels_the_watcher()
    {
        using var world = new WatchWorld(new WatchOptions { RecentRevisionsMax = 1 });
        for (int i = 2; i <= 200; i++)
            world.Store.Put("k", $"{i}");
        int reads = 0;
        world.Store.BeforeRead = () =>
        {
            if (++reads == 2)
                world.Store.Compact(150);
        };
        WatchCall call = world.Open();
        await call.CreateAsync("k", set: static request => request.StartRevision = 2);
        Assert.Equal(2, (await call.EventsAsync())[0].Kv.ModRevision);
        WatchResponse canceled = await call.NextAsync();
        Assert.Equal((true, 150), (canceled.Canceled, canceled.CompactRevision));
    }

    [Fact]
    public async Task A_storm_of_creates_and_cancels_that_reads_nothing_meanwhile_is_answered_in_order()
    {
        const int Storm = 3000;
        using var world = new WatchWorld(new WatchOptions { QueuedControlMax = 100 });
        WatchCall call = world.Open();
        call.Responses.CloseWindow();
        for (int i = 0; i < Storm; i++)
            call.Send("k", "l");
        for (int i = 0; i < Storm; i++)
            call.SendCancel(i);
        await Deadline.UntilAsync(() => world.Hub.WatcherTotal >= 100, "the first watchers");
        Assert.InRange(world.Hub.WatcherTotal, 100, 201); // the rest waits in the transport, not here
        call.Responses.OpenWindow();
        for (int i = 0; i < Storm; i++)
            Assert.Equal((i, true), ((int)(await call.NextAsync()).WatchId, true));
        for (int i = 0; i < Storm; i++)
        {
            WatchResponse canceled = await call.NextAsync();
            Assert.Equal((i, true), ((int)canceled.WatchId, canceled.Canceled));
        }
        Assert.Equal(0, world.Hub.WatcherTotal);
    }

    [Fact]
    public async Task Many_watchers_of_one_range_share_the_bytes_of_an_event()
    {
        const int Streams = 50;
        const int PerStream = 20;
        using var world = new WatchWorld();
        var calls = new List<WatchCall>();
        for (int i = 0; i < Streams; i++)
        {
            calls.Add(world.Open());
            for (int j = 0; j < PerStream; j++)
                await calls[i].CreateAsync("k", "l");
        }
        world.Store.Commit(new("k1", "a"), new("k2", "b"));
        var bodies = new HashSet<byte[]>();
        foreach (WatchCall call in calls)
        {
            for (int j = 0; j < PerStream; j++)
                Assert.Equal(2, (await call.EventsAsync()).Count);
            var raw = (RawResponses)call.Responses;
            await Deadline.UntilAsync(() => raw.Bodies.Count == PerStream, "the bodies");
            foreach (ReadOnlyMemory<byte> body in raw.Bodies)
            {
                Assert.True(MemoryMarshal.TryGetArray(body, out ArraySegment<byte> array));
                bodies.Add(array.Array!);
            }
        }
        Assert.InRange(bodies.Count, 1, Environment.ProcessorCount); // threads may marshal the first time at once
        Assert.Equal(2 * Streams * PerStream, world.Hub.EventsTotal);
    }

    [Fact]
    public async Task Watchers_of_a_stream_with_the_same_past_read_it_once()
    {
        using var world = new WatchWorld(new WatchOptions { QueuedResponsesMax = 1, RecentRevisionsMax = 1 });
        WatchCall call = world.Open();
        for (int i = 0; i < 30; i++)
            await call.CreateAsync("k");
        await BlockAsync(world, call);
        for (int i = 0; i < 10; i++)
            world.Store.Put("k", $"{i}");
        Assert.Equal(30, world.Hub.SlowWatcherTotal);
        call.Responses.OpenWindow();
        for (int events = 0; events < 1 + (30 * 10);)
            events += (await call.EventsAsync()).Count;
        Assert.InRange(world.Store.Opened, 1, 2); // the queue was full in the middle of a revision: two positions in the past
    }

    [Fact]
    public async Task A_replaced_state_is_caught_up_with_from_its_history()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("k", "l");
        await call.CreateAsync("k", "l", static request => request.StartRevision = 6);
        world.Store.Put("k2", "told");
        Assert.Single(await call.EventsAsync());
        world.Store.Store(new Change("k3", "by snapshot"));
        world.Store.Store(new Change("other", "by snapshot"));
        world.Hub.OnRestored();
        WatchResponse past = await call.NextAsync();
        Assert.Equal((0, 3L), (past.WatchId, Assert.Single(past.Events).Kv.ModRevision));
        await Deadline.UntilAsync(() => world.Hub.SlowWatcherTotal == 0, "all to be synced");
        world.Store.Put("k5", "told");
        Assert.Equal(0, (await call.NextAsync()).WatchId);
        world.Store.Put("k6", "told");
        Assert.Equal([0, 1], new[] { (await call.NextAsync()).WatchId, (await call.NextAsync()).WatchId }.Order());
        await call.NothingMoreAsync();
    }

    [Fact]
    public async Task A_revision_that_was_not_told_is_found_in_the_history()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("k");
        world.Store.Put("k", "2");
        Assert.Equal(2, (await call.EventsAsync())[0].Kv.ModRevision);
        world.Store.Store(new Change("k", "not told"));
        world.Store.Put("k", "4");
        Assert.Equal([3, 4], (await call.EventsAsync()).Select(static one => one.Kv.ModRevision));
    }

    [Fact]
    public async Task Revisions_told_while_nobody_watched_are_history_for_the_first_watcher()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        world.Store.Put("k", "2");
        world.Store.Put("k", "3");
        await call.CreateAsync("k", set: static request => request.StartRevision = 3);
        Assert.Equal(3, Assert.Single(await call.EventsAsync()).Kv.ModRevision);
        world.Store.Put("k", "4");
        Assert.Equal(4, Assert.Single(await call.EventsAsync()).Kv.ModRevision);
    }

    [Fact]
    public async Task A_watcher_created_while_a_revision_is_being_told_does_not_miss_it()
    {
        for (int round = 0; round < 300; round++)
        {
            using var world = new WatchWorld();
            WatchCall call = world.Open();
            call.Send("k", set: static request => request.StartRevision = 2);
            await Task.Run(() => world.Store.Put("k", "raced"));
            Assert.True((await call.NextAsync()).Created);
            Assert.Equal(2, Assert.Single(await call.EventsAsync()).Kv.ModRevision);
            call.Leave();
        }
    }

    [Fact]
    public void A_revision_told_twice_is_refused()
    {
        using var world = new WatchWorld();
        (long revision, StoreEvent[] events) = world.Store.Store(new Change("k", "v"));
        world.Hub.OnEvents(revision, events);
        Assert.Throws<InvalidOperationException>(() => world.Hub.OnEvents(revision, events));
    }

    /// <summary>Makes the writer wait for the client with exactly one response in its hands.</summary>
    private static async Task BlockAsync(WatchWorld world, WatchCall call)
    {
        await call.CreateAsync("blocker");
        call.Responses.CloseWindow();
        world.Store.Put("blocker", "taken by the writer");
        await Deadline.UntilAsync(() => world.Hub.PendingEventsTotal == 0, "the writer to take the response");
    }

    private static async Task ExpectAsync(WatchCall call, IEnumerable<long> revisions)
    {
        var left = new Queue<long>(revisions);
        while (left.Count > 0)
        {
            foreach (Event one in await call.EventsAsync())
                Assert.Equal(left.Dequeue(), one.Kv.ModRevision);
        }
    }
}
