using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Server.Watching;

namespace EtcdNet.Server.Tests.Watching;

/// <summary>Many streams that read the past at once: nobody else waits for them, and they do not read it once each.</summary>
public sealed class WatchHistoryTests
{
    private const int Past = 500;
    private const int Streams = 20;

    [Fact]
    public async Task Writes_and_live_watchers_go_on_while_every_read_of_the_history_hangs()
    {
        const int Writes = 300;
        using var world = new WatchWorld(new WatchOptions { RecentRevisionsMax = 1 });
        Fill(world);
        WatchCall live = world.Open();
        await live.CreateAsync("k", "l");
        using var reads = new ManualResetEventSlim();
        using var reached = new ManualResetEventSlim();
        world.Store.BeforeRead = () =>
        {
            reached.Set();
            reads.Wait();
        };
        // The readers hold threads of the pool here, as a slow disk would; the others must not.
        List<WatchCall> late = await OpenAsync(world);
        Assert.True(await Task.Run(() => reached.Wait(TimeSpan.FromSeconds(30))), "no read began");
        for (int i = 0; i < Writes; i++)
        {
            long revision = world.Store.Put("k", $"live {i}");
            Assert.Equal(revision, Assert.Single(await live.EventsAsync()).Kv.ModRevision);
        }
        Assert.Equal(Streams, world.Hub.SlowWatcherTotal);
        reads.Set();
        foreach (WatchCall call in late)
            await ExpectAllAsync(call, Past + Writes);
    }

    [Fact]
    public async Task Watchers_of_different_streams_with_the_same_past_read_it_once()
    {
        using var world = new WatchWorld(new WatchOptions { RecentRevisionsMax = 1 });
        Fill(world);
        using var reads = new ManualResetEventSlim();
        world.Store.BeforeRead = reads.Wait;
        List<WatchCall> calls = await OpenAsync(world);
        reads.Set();
        foreach (WatchCall call in calls)
            await ExpectAllAsync(call, Past);
        // One walk is enough, unless a stream begins when all others have had everything.
        Assert.InRange(world.Store.Opened, 1, Streams / 2);
    }

    [Fact]
    public async Task What_one_stream_has_read_serves_those_that_begin_in_the_middle_of_it()
    {
        using var world = new WatchWorld(new WatchOptions { RecentRevisionsMax = 1, CatchUpEventsMax = 100 });
        Fill(world);
        WatchCall first = world.Open();
        first.Responses.CloseWindow();
        first.Send("k", "l", static request => request.StartRevision = 2);
        for (int start = 3; start < 60; start += 7)
        {
            WatchCall call = world.Open();
            await call.CreateAsync("k", "l", request => request.StartRevision = start);
            await ExpectAllAsync(call, Past, start);
        }
        first.Responses.OpenWindow();
        Assert.True((await first.NextAsync()).Created);
        await ExpectAllAsync(first, Past);
    }

    [Fact]
    public async Task Clients_that_do_not_read_do_not_keep_others_from_catching_up()
    {
        using var world = new WatchWorld(new WatchOptions { RecentRevisionsMax = 1, CatchUpTurnsMax = 1 });
        Fill(world);
        List<WatchCall> stuck = await OpenAsync(world);
        foreach (WatchCall call in stuck)
            call.Responses.CloseWindow();
        WatchCall reading = world.Open();
        await reading.CreateAsync("k", "l", static request => request.StartRevision = 2);
        await ExpectAllAsync(reading, Past);
        foreach (WatchCall call in stuck)
            call.Responses.OpenWindow();
        foreach (WatchCall call in stuck)
            await ExpectAllAsync(call, Past);
    }

    private static void Fill(WatchWorld world)
    {
        for (int i = 0; i < Past; i++)
            world.Store.Put("k", $"{i}");
    }

    private static async Task<List<WatchCall>> OpenAsync(WatchWorld world)
    {
        var calls = new List<WatchCall>();
        for (int i = 0; i < Streams; i++)
        {
            calls.Add(world.Open());
            await calls[i].CreateAsync("k", "l", static request => request.StartRevision = 2);
        }
        return calls;
    }

    /// <summary>Each revision is one event; the first one is 2.</summary>
    private static async Task ExpectAllAsync(WatchCall call, int revisions, long start = 2)
    {
        for (long next = start; next < revisions + 2;)
        {
            foreach (Event one in await call.EventsAsync())
                Assert.Equal(next++, one.Kv.ModRevision);
        }
    }
}
