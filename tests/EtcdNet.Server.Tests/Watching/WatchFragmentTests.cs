using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Watching;

namespace EtcdNet.Server.Tests.Watching;

/// <summary>Rule 23: a revision is never split, unless the watcher asked for fragments.</summary>
public sealed class WatchFragmentTests
{
    private const int Limit = 4096;

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task A_large_revision_is_split_below_the_limit_when_asked_for(bool raw, bool past)
    {
        using var world = new WatchWorld(new WatchOptions { FragmentBytes = Limit, RecentRevisionsMax = 1 });
        Change[] changes = [.. Enumerable.Range(0, 50).Select(static i => new Change($"k{i:d2}", new string('v', 300)))];
        WatchCall call = world.Open(raw);
        if (past)
        {
            world.Store.Commit(changes);
            world.Store.Put("x", "y");
        }
        await call.CreateAsync("k", "l", static request => (request.Fragment, request.StartRevision) = (true, 2));
        if (!past)
            world.Store.Commit(changes);

        var keys = new List<string>();
        for (bool more = true; more;)
        {
            WatchResponse part = await call.NextAsync();
            Assert.NotEmpty(part.Events);
            Assert.Equal(0, part.WatchId);
            keys.AddRange(part.Events.Select(static one => one.Kv.Key.ToStringUtf8()));
            more = keys.Count < changes.Length;
            Assert.Equal(more, part.Fragment);
            Assert.True(part.CalculateSize() < Limit + 64);
        }
        Assert.Equal(changes.Select(static change => change.Key), keys);
        await call.NothingMoreAsync();
    }

    [Fact]
    public async Task A_large_revision_is_whole_when_fragments_are_not_asked_for()
    {
        using var world = new WatchWorld(new WatchOptions { FragmentBytes = Limit, CatchUpBytesMax = Limit, CatchUpEventsMax = 10 });
        Change[] changes = [.. Enumerable.Range(0, 50).Select(static i => new Change($"k{i:d2}", new string('v', 300)))];
        WatchCall call = world.Open();
        await call.CreateAsync("k", "l");
        world.Store.Commit(changes);
        Assert.Equal(50, (await call.NextAsync()).Events.Count);
        await call.CreateAsync("k", "l", static request => request.StartRevision = 1);
        Assert.Equal(50, (await call.NextAsync()).Events.Count);
    }

    [Fact]
    public async Task A_single_event_over_the_limit_is_no_fragment()
    {
        using var world = new WatchWorld(new WatchOptions { FragmentBytes = Limit });
        WatchCall call = world.Open();
        await call.CreateAsync("k", "l", static request => request.Fragment = true);
        world.Store.Put("k", new string('v', 2 * Limit));
        WatchResponse whole = await call.NextAsync();
        Assert.Single(whole.Events);
        Assert.False(whole.Fragment);
    }

    [Fact]
    public async Task A_long_past_comes_in_several_responses_of_whole_revisions()
    {
        using var world = new WatchWorld(new WatchOptions { CatchUpEventsMax = 10, RecentRevisionsMax = 1 });
        for (int i = 0; i < 40; i++)
            world.Store.Commit(new($"k{i}a", "1"), new($"k{i}b", "2"), new($"k{i}c", "3"));
        WatchCall call = world.Open();
        await call.CreateAsync("k", "l", static request => request.StartRevision = 2);
        var seen = new List<long>();
        while (seen.Count < 120)
        {
            WatchResponse part = await call.NextAsync();
            Assert.InRange(part.Events.Count, 1, 12);
            Assert.Equal(0, part.Events.Count % 3);
            Assert.Equal(41, part.Header.Revision);
            seen.AddRange(part.Events.Select(static one => one.Kv.ModRevision));
        }
        Assert.Equal(Enumerable.Range(0, 120).Select(static i => 2L + (i / 3)), seen);
    }
}
