using System.Text;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Watch;
using Google.Protobuf;
using Xunit.Abstractions;

namespace EtcdNet.Server.Tests.Watching;

public sealed class WatcherGroupTests(ITestOutputHelper output)
{
    private sealed class Named(WatchRange range, WatchFilters filters) : Watcher(range, filters);

    [Fact]
    public void Ranges_follow_etcds_conventions()
    {
        Assert.True(Range("a", "").Contains("a"u8));
        Assert.False(Range("a", "").Contains("aa"u8));
        Assert.True(Range("a", "c").Contains("b"u8));
        Assert.False(Range("a", "c").Contains("c"u8));
        Assert.True(Range("b", "\0").Contains("zz"u8));
        Assert.False(Range("b", "\0").Contains("a"u8));
        Assert.True(Range("", "\0").Contains("\0"u8));
        Assert.True(Range("", "").Contains("\0"u8));
        Assert.True(Range("b", "a").IsEmpty);
        Assert.True(Range("b", "b").IsEmpty);
        Assert.False(Range("b", "\0").IsEmpty);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Matches_are_those_of_a_naive_list(int seed)
    {
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var group = new WatcherGroup<Named>();
        var all = new List<Named>();
        for (int step = 0; step < 4000; step++)
        {
            if (all.Count > 0 && random.Next(3) == 0)
            {
                int place = random.Next(all.Count);
                group.Remove(all[place]);
                all.RemoveAt(place);
            }
            else
            {
                var watcher = new Named(RandomRange(random), (WatchFilters)random.Next(4));
                group.Add(watcher);
                all.Add(watcher);
            }
            if (step % 10 == 0)
                Compare(group, all, RandomEvents(random));
        }
        Assert.Equal(all.Count, group.Count);
        foreach (Named watcher in all)
            group.Remove(watcher);
        Assert.Equal(0, group.Count);
        Assert.Equal(0, group.RangeCount);
    }

    [Fact]
    public void Watchers_of_equal_range_and_filters_share_a_bucket()
    {
        var group = new WatcherGroup<Named>();
        for (int i = 0; i < 1000; i++)
            group.Add(new Named(Range("a", "b"), WatchFilters.None));
        group.Add(new Named(Range("a", "b"), WatchFilters.NoDelete));
        Assert.Equal(1, group.RangeCount);
        var hits = new List<WatcherBucket<Named>>();
        group.Match([Put("aa", 0), Put("ab", 1), Put("c", 2)], hits);
        Assert.Equal([1, 1000], hits.Select(static bucket => bucket.Count).Order());
        Assert.All(hits, static bucket => Assert.Equal([0, 1], bucket.Matched));
    }

    [Fact]
    public void A_watcher_cannot_be_added_twice_nor_removed_twice()
    {
        var group = new WatcherGroup<Named>();
        var watcher = new Named(Range("a", "b"), WatchFilters.None);
        group.Add(watcher);
        Assert.Throws<InvalidOperationException>(() => group.Add(watcher));
        group.Remove(watcher);
        Assert.Throws<InvalidOperationException>(() => group.Remove(watcher));
        Assert.Throws<ArgumentException>(() => group.Add(new Named(Range("b", "a"), WatchFilters.None)));
    }

    private static void Compare(WatcherGroup<Named> group, List<Named> all, StoreEvent[] events)
    {
        var hits = new List<WatcherBucket<Named>>();
        group.Match(events, hits);
        var found = new Dictionary<Named, int[]>();
        foreach (WatcherBucket<Named> bucket in hits)
        {
            for (int i = 0; i < bucket.Count; i++)
                found.Add(bucket[i], [.. bucket.Matched]);
        }
        foreach (Named watcher in all)
        {
            int[] expected = [.. Enumerable.Range(0, events.Length).Where(i => Wants(watcher, events[i]))];
            Assert.Equal(expected, found.GetValueOrDefault(watcher, []));
        }
        Assert.True(found.Count <= all.Count);
    }

    private static bool Wants(Named watcher, StoreEvent one)
    {
        WatchFilters unwanted = one.Type == Event.Types.EventType.Put ? WatchFilters.NoPut : WatchFilters.NoDelete;
        return (watcher.Filters & unwanted) == 0 && watcher.Range.Contains(one.KeyValue.Key.Span);
    }

    private static WatchRange RandomRange(Random random)
    {
        string key = RandomKey(random);
        string end = random.Next(4) switch { 0 => "", 1 => "\0", _ => RandomKey(random) };
        var range = Range(key, end);
        return range.IsEmpty ? Range(end, key + "~") : range;
    }

    private static StoreEvent[] RandomEvents(Random random)
    {
        var events = new StoreEvent[random.Next(1, 5)];
        for (int i = 0; i < events.Length; i++)
            events[i] = Put(RandomKey(random), i) with { Type = (Event.Types.EventType)random.Next(2) };
        return events;
    }

    private static string RandomKey(Random random)
    {
        var key = new StringBuilder();
        int length = random.Next(1, 4);
        while (key.Length < length)
            key.Append((char)('a' + random.Next(4)));
        return key.ToString();
    }

    private static StoreEvent Put(string key, int sub) => new(
        new Revision(2, sub), Event.Types.EventType.Put, new KeyValue { Key = ByteString.CopyFromUtf8(key) }, null);

    private static WatchRange Range(string key, string end) => new(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(end));
}
