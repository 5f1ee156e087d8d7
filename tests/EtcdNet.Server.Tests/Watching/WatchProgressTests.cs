using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Watching;

namespace EtcdNet.Server.Tests.Watching;

/// <summary>Rule 25: progress is told only when everything up to the told revision was sent.</summary>
public sealed class WatchProgressTests
{
    private static readonly TimeSpan _longestPeriod = TimeSpan.FromMinutes(11);

    [Fact]
    public async Task A_progress_request_is_answered_with_id_minus_one_after_everything_sent()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("k");
        await call.CreateAsync("l");
        world.Store.Put("k", "1");
        world.Store.Put("unwatched", "2");
        call.SendProgress();
        Assert.Single(await call.EventsAsync());
        Assert.Equal(new WatchResponse { Header = world.Headers.Header(3), WatchId = -1 }, await call.NextAsync());
    }

    [Fact]
    public async Task A_progress_request_is_not_answered_without_watchers_or_with_one_that_waits_for_a_later_start()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        call.SendProgress();
        await call.CreateAsync("k");
        await call.CreateAsync("k", set: static request => (request.WatchId, request.StartRevision) = (9, 9999));
        call.SendProgress();
        call.SendCancel(9);
        Assert.True((await call.NextAsync()).Canceled);
        call.SendProgress();
        Assert.Equal((-1, 1), await IdAndRevisionAsync(call));
    }

    [Fact]
    public async Task A_progress_request_is_not_answered_while_a_watcher_is_behind()
    {
        using var world = new WatchWorld();
        using var reading = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        world.Store.Put("k", "1");
        world.Store.BeforeRead = () =>
        {
            reading.Release();
            goOn.Wait();
        };
        WatchCall call = world.Open();
        await call.CreateAsync("live");
        await call.CreateAsync("k", set: static request => request.StartRevision = 2);
        Assert.True(await reading.WaitAsync(Deadline.Limit));
        Assert.Equal(1, world.Hub.SlowWatcherTotal);
        call.SendProgress();
        call.Send("probe"); // answered after the progress request was looked at
        await Deadline.UntilAsync(() => world.Hub.WatcherTotal == 3, "the probe");
        goOn.Release();
        var seen = new List<WatchResponse> { await call.NextAsync(), await call.NextAsync() };
        Assert.Single(seen, static one => one.Created);
        Assert.Single(seen, static one => one.Events.Count == 1);
        await Deadline.UntilAsync(() => world.Hub.SlowWatcherTotal == 0, "the watcher to be synced");
        call.SendProgress();
        Assert.Equal((-1, 2), await IdAndRevisionAsync(call));
    }

    [Fact]
    public async Task Idle_watchers_that_asked_are_told_once_per_interval()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("quiet", set: static request => request.ProgressNotify = true);
        await call.CreateAsync("busy", set: static request => request.ProgressNotify = true);
        await call.CreateAsync("silent");
        world.Store.Put("busy", "1");
        Assert.Equal(1, (await call.NextAsync()).WatchId);
        world.Time.Advance(TimeSpan.FromMinutes(9.99));
        await call.NothingMoreAsync();
        world.Time.Advance(_longestPeriod - TimeSpan.FromMinutes(9.99));
        Assert.Equal(new WatchResponse { Header = world.Headers.Header(2), WatchId = 0 }, await call.NextAsync());
        await call.NothingMoreAsync();
        world.Time.Advance(_longestPeriod);
        Assert.Equal([(0, 2), (1, 2)], new[] { await IdAndRevisionAsync(call), await IdAndRevisionAsync(call) }.Order());
        await call.NothingMoreAsync();
    }

    [Fact]
    public async Task Idle_watchers_waiting_for_a_later_start_are_not_told()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("k", set: static request => (request.ProgressNotify, request.StartRevision) = (true, 50));
        world.Time.Advance(_longestPeriod);
        await call.NothingMoreAsync();
    }

    [Fact]
    public void The_progress_interval_has_a_lower_bound() =>
        Assert.Equal(TimeSpan.FromMilliseconds(100), new WatchOptions { ProgressInterval = TimeSpan.Zero }.ProgressInterval);

    private static async Task<(long Id, long Revision)> IdAndRevisionAsync(WatchCall call)
    {
        WatchResponse response = await call.NextAsync();
        Assert.Empty(response.Events);
        Assert.False(response.Created || response.Canceled);
        return (response.WatchId, response.Header.Revision);
    }
}
