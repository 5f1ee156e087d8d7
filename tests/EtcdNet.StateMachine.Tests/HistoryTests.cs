using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Tests;

/// <summary>What watchers hear: live events after publishing, and the past through cursors.</summary>
public sealed class HistoryTests
{
    private readonly Machine _machine = new();

    [Fact]
    public void Live_events_come_after_their_revision_is_visible()
    {
        var sink = new CollectingSink();
        sink.OnRevision = revision => Assert.Equal(_machine.Store.CurrentRevision, revision);
        _machine.Store.WatchSink = sink;
        _machine.Put("a", "1");
        _machine.Txn(Op.Txn(then: [Op.Put("b", "2"), Op.Delete("a"), Op.Put("c", "3")]));
        _machine.Delete("none");
        _machine.Put("b", "4");
        Assert.Equal(
            ["2/0 Put a=1 ", "3/0 Put b=2 ", "3/1 Delete a= 2/0", "3/2 Put c=3 ", "4/0 Put b=4 3/0"], sink.Events.Select(Show));
        Assert.Equal(new KeyValue { Key = Machine.Bytes("a"), ModRevision = 3 }, sink.Events[2].KeyValue);
    }

    [Fact]
    public void The_pair_before_a_change_is_that_of_the_revision_before()
    {
        var sink = new CollectingSink();
        _machine.Store.WatchSink = sink;
        _machine.Put("a", "1");
        // Put and deleted, created and deleted, deleted and created in one transaction.
        _machine.Txn(Op.Txn(then: [Op.Put("a", "2"), Op.Put("b", "2"), Op.Delete("a", "\0")]));
        _machine.Put("a", "3");
        _machine.Txn(Op.Txn(then: [Op.Delete("a", "\0"), Op.Put("a", "4")]));
        string[] told =
        [
            "2/0 Put a=1 ", "3/0 Put a=2 2/0", "3/1 Put b=2 ", "3/2 Delete a= 2/0", "3/3 Delete b= ",
            "4/0 Put a=3 ", "5/0 Delete a= 4/0", "5/1 Put a=4 ",
        ];
        Assert.Equal(told, sink.Events.Select(Show));
        Assert.Equal(told, ReadAll("\0", "\0", 1, 5, 100).Select(Show));
    }

    [Fact]
    public void A_batch_is_seen_whole()
    {
        var sink = new CollectingSink { OnRevision = _ => Assert.Equal(4, _machine.Store.CurrentRevision) };
        _machine.Store.WatchSink = sink;
        _machine.State.BeginBatch();
        Assert.Equal(2, _machine.Put("a", "1").Header.Revision);
        Assert.Equal(3, _machine.Put("a", "2", prev: true).Header.Revision);
        Assert.Equal(4, _machine.Put("b", "3").Header.Revision);
        Assert.Equal((1L, 0, 0UL), (_machine.Store.CurrentRevision, sink.Events.Count, _machine.State.AppliedIndex));
        Assert.Equal("", _machine.Show("\0", "\0"));
        _machine.State.EndBatch();
        Assert.Equal(["2/0 Put a=1 ", "3/0 Put a=2 2/0", "4/0 Put b=3 "], sink.Events.Select(Show));
        Assert.Equal(3UL, _machine.State.AppliedIndex);
        Assert.Equal("a=2 b=3", _machine.Show("\0", "\0"));
    }

    [Fact]
    public void The_past_is_what_the_live_events_were()
    {
        var sink = new CollectingSink();
        _machine.Store.WatchSink = sink;
        for (int i = 0; i < 40; i++)
        {
            _machine.Put($"k{i % 7}", $"{i}");
            if (i % 5 == 0)
                _machine.Txn(Op.Txn(then: [Op.Delete("k1", "k4"), Op.Put("other", $"{i}"), Op.Put("k9", $"{i}")]));
        }
        foreach (int most in new[] { 1, 3, 1000 })
        {
            List<StoreEvent> past = ReadAll("k", "l", 5, 30, most);
            Assert.Equal(
                sink.Events.Where(e => e.Revision.Main is >= 5 and <= 30 && e.KeyValue.Key[0] == 'k').Select(Show), past.Select(Show));
        }
        Assert.Equal(sink.Events.Select(Show), ReadAll("\0", "\0", 1, _machine.Store.CurrentRevision, 4).Select(Show));
        Assert.Equal("2", _machine.Store.Read(new Revision(4, 0) with { Main = FindRevision(sink, "2") })!.Value.ToStringUtf8());
        Assert.Null(_machine.Store.Read(new Revision(999, 0)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(50)]
    public void Small_windows_lose_nothing_even_where_one_revision_is_larger(int windowSize)
    {
        var sink = new CollectingSink();
        _machine.Store.WatchSink = sink;
        for (int round = 0; round < 4; round++)
        {
            for (int i = 0; i < 30; i++)
                _machine.Put($"k{i * 7 % 30:d2}", $"{round}");
            Assert.Equal(20, _machine.Delete("k05", "k25").Deleted);
        }
        long to = _machine.Store.CurrentRevision;
        using var cursor = new HistoryCursor(
            _machine.Store, new RecordReader(_machine.Backend), KeyRange.All, 1, to, windowSize);
        var events = new List<StoreEvent>();
        while (cursor.ReadNext(events, 3) < to)
        {
        }
        Assert.Equal(sink.Events.Select(Show), events.Select(Show));
    }

    [Fact]
    public void Compaction_cuts_the_past()
    {
        for (int i = 0; i < 6; i++)
            _machine.Put("a", $"{i}");
        IHistoryCursor cursor = _machine.Store.Open(Machine.Bytes("a").Memory, default, 2, 7);
        Assert.Null(_machine.Compact(5));
        Assert.Equal(EtcdError.Compacted.Message, Assert.Throws<EtcdException>(() => cursor.ReadNext([], 10)).Message);
        Assert.Throws<EtcdException>(() => _machine.Store.Open(Machine.Bytes("a").Memory, default, 4, 7));
        Assert.Equal(["5/0 Put a=3 ", "6/0 Put a=4 5/0", "7/0 Put a=5 6/0"], ReadAll("a", "", 5, 7, 2).Select(Show));
    }

    private List<StoreEvent> ReadAll(string key, string end, long from, long to, int most)
    {
        using IHistoryCursor cursor = _machine.Store.Open(Machine.Bytes(key).Memory, Machine.Bytes(end).Memory, from, to);
        var all = new List<StoreEvent>();
        long done;
        do
        {
            int before = all.Count;
            done = cursor.ReadNext(all, most);
            // Whole revisions, all of them up to what the cursor says.
            Assert.All(all.Skip(before), one => Assert.InRange(one.Revision.Main, from, done));
            Assert.True(done == to || all.Count - before >= most);
        }
        while (done < to);
        return all;
    }

    private static long FindRevision(CollectingSink sink, string value) =>
        sink.Events.First(e => e.KeyValue.Value.ToStringUtf8() == value).Revision.Main;

    private static string Show(StoreEvent one) =>
        $"{one.Revision} {one.Type} {one.KeyValue.Key.ToStringUtf8()}={one.KeyValue.Value.ToStringUtf8()} {one.Previous}";
}
