using EtcdNet.Raft;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Storage.Tests;

/// <summary>The contract of <see cref="IRaftStorage"/>.</summary>
public sealed class EntryLogTests
{
    [Fact]
    public void Bounds_terms_and_errors_are_those_of_the_contract()
    {
        EntryLog log = LogOf(10, 1, 20);
        Assert.Equal((11UL, 30UL), (log.FirstIndex, log.LastIndex));
        Assert.Equal((5UL, 1UL), (log.Term(10), log.Term(30)));
        Assert.Throws<LogCompactedException>(() => log.Term(9));
        Assert.Throws<LogUnavailableException>(() => log.Term(31));
        Assert.Throws<LogCompactedException>(() => log.Entries(10, 12, ulong.MaxValue));
        Assert.Throws<LogUnavailableException>(() => log.Entries(30, 32, ulong.MaxValue));
        Assert.Equal([11, 12, 13], log.Entries(11, 14, ulong.MaxValue).Select(entry => (int)entry.Index));
        Assert.Equal(2, log.Entries(11, 31, 20).Count); // 10 bytes each
        Assert.Single(log.Entries(11, 31, 0));
    }

    [Fact]
    public void Appending_replaces_the_tail_and_compaction_drops_the_front()
    {
        EntryLog log = LogOf(0, 1, 3000);
        log.Trim(2500, 0, 0);
        log.Append([.. Enumerable.Range(2900, 2000).Select(i => EntryOf(2, (ulong)i))]);
        Assert.Equal((2501UL, 4899UL), (log.FirstIndex, log.LastIndex));
        Assert.Equal((1UL, 2UL, 1UL), (log.Term(2899), log.Term(2900), log.Term(2500)));
        Assert.All(log.Entries(2501, 4900, ulong.MaxValue).Select((entry, i) => (entry, i)), pair => Assert.Equal(2501UL + (ulong)pair.i, pair.entry.Index));
        Assert.Throws<InvalidOperationException>(() => log.Append([EntryOf(3, 5000)]));
        log.Reset(new EntryId(9, 9000));
        Assert.Equal((9001UL, 9000UL, 9UL), (log.FirstIndex, log.LastIndex, log.Term(9000)));
        log.Append([EntryOf(9, 9001)]);
        Assert.Equal(9001UL, log.LastIndex);
    }

    [Fact]
    public void Trimming_keeps_to_both_limits_and_to_what_may_go()
    {
        EntryLog log = LogOf(0, 1, 1000);
        log.Trim(upTo: 900, entriesMax: 600, bytesMax: long.MaxValue);
        Assert.Equal((401UL, 6000L), (log.FirstIndex, log.Bytes));
        log.Trim(upTo: 900, entriesMax: ulong.MaxValue, bytesMax: 2500);
        Assert.Equal((751UL, 2500L), (log.FirstIndex, log.Bytes));
        log.Trim(upTo: 900, entriesMax: 0, bytesMax: 0);
        Assert.Equal((901UL, 1000UL, 1UL), (log.FirstIndex, log.LastIndex, log.Term(900)));
        log.Trim(upTo: 1000, entriesMax: 0, bytesMax: 0);
        Assert.Equal((1001UL, 1000UL, 0L), (log.FirstIndex, log.LastIndex, log.Bytes));
        log.Append([EntryOf(2, 1001), EntryOf(2, 1002)]);
        log.Append([EntryOf(3, 1002)]);
        Assert.Equal((1002UL, 20L), (log.LastIndex, log.Bytes));
    }

    private static EntryLog LogOf(ulong before, ulong term, int count) => new(
        new HardState(5, 0, before), new ConfState(), new EntryId(before == 0 ? 0UL : 5, before),
        [.. Enumerable.Range(1, count).Select(i => EntryOf(term, before + (ulong)i))]);

    private static Entry EntryOf(ulong term, ulong index) => new(EntryType.Normal, term, index, new byte[10]);
}
