using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Testing;
using Xunit.Abstractions;

namespace EtcdNet.StateMachine.Tests;

/// <summary>All records in revision order: as many as the rule of compaction leaves, whatever happens while they are read.</summary>
public sealed class PinnedHistoryTests(ITestOutputHelper output)
{
    private readonly Machine _machine = new(new InMemoryBackend(dropReleased: true));

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100)]
    [InlineData(null)]
    public void Random_lives_are_what_a_list_of_all_changes_says(int? windowRows)
    {
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var changes = new List<(Revision Revision, string Key, bool IsTombstone)>();
        long compacted = -1;
        for (int i = 0; i < 1500; i++)
        {
            Change(random, changes);
            if (i % 300 != 299)
                continue;
            if (random.Next(4) != 0)
            {
                compacted = random.NextInt64(Math.Max(2, compacted + 1), _machine.Store.CurrentRevision + 1);
                Assert.Null(_machine.Compact(compacted, physically: random.Next(2) == 0));
            }
            using PinnedHistory history = windowRows is null
                ? _machine.Store.PinHistory()
                : new PinnedHistory(_machine.Store, new RecordReader(_machine.Backend), windowRows);
            Assert.Equal((_machine.Store.CurrentRevision, compacted), (history.Revision, history.CompactRevision));
            string[] expected = [.. Kept(changes, compacted).Select(static change => Show(change.Revision, change.IsTombstone, change.Key))];
            Assert.Equal(expected, ReadAll(history));
            history.Rewind();
            Assert.Equal(expected, ReadAll(history));
        }
    }

    [Fact]
    public void Neither_writes_nor_compactions_change_what_is_read()
    {
        for (int i = 0; i < 300; i++)
            _machine.Put($"key{i % 50}", "old");
        _machine.Compact(120);
        using PinnedState state = _machine.State.Pin();
        Assert.Equal(300ul + 1, state.AppliedIndex);
        string[] before = ReadAll(state.History);
        Assert.Equal(50 + 181, before.Length);
        _machine.Delete("\0", "\0");
        _machine.Put("another");
        Assert.Null(_machine.Compact(_machine.Store.CurrentRevision));
        Assert.False(_machine.State.Compactor.HasWork);
        state.History.Rewind();
        Assert.Equal(before, ReadAll(state.History));
        state.Dispose();
        Assert.True(_machine.State.Compactor.HasWork);
        Assert.Equal(long.MaxValue, _machine.Store.Pins.Oldest);
    }

    [Fact]
    public void A_pass_that_was_under_way_goes_on()
    {
        for (int i = 0; i < 300; i++)
            _machine.Put($"key{i % 50}", "old");
        Assert.Null(_machine.Compact(200, physically: false));
        Assert.True(_machine.State.Compactor.Step(3));
        using PinnedHistory history = _machine.Store.PinHistory();
        Assert.True(history.TryReadNext(out Revision first, out _));
        Assert.Equal(151, first.Main);
        while (_machine.State.Compactor.Step(3))
        {
        }
        Assert.Equal(200, _machine.State.Compactor.FinishedRevision);
        history.Rewind();
        Assert.Equal(151, ReadAll(history).Length);
    }

    [Fact]
    public void Who_lets_go_is_told_when_a_compaction_passes()
    {
        for (int i = 0; i < 30; i++)
            _machine.Put("key");
        using PinnedHistory history = _machine.Store.PinHistory();
        history.Unpin();
        Assert.True(history.TryReadNext(out _, out _));
        Assert.Null(_machine.Compact(10));
        Assert.Equal(EtcdError.Compacted.Message, Assert.Throws<EtcdException>(() => history.TryReadNext(out _, out _)).Message);
    }

    private void Change(Random random, List<(Revision Revision, string Key, bool IsTombstone)> changes)
    {
        var txn = new TxnRequest();
        string[] keys = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => $"k{random.Next(40)}").Distinct()];
        long revision = _machine.Store.CurrentRevision + 1;
        int sub = 0;
        foreach (string key in keys)
        {
            bool isDelete = random.Next(3) == 0;
            if (isDelete && _machine.Range(key).Count == 0)
                continue;
            txn.Success.Add(isDelete
                ? new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Machine.Bytes(key) } }
                : new RequestOp { RequestPut = new PutRequest { Key = Machine.Bytes(key), Value = Machine.Bytes("v") } });
            changes.Add((new Revision(revision, sub++), key, isDelete));
        }
        _machine.Txn(txn);
    }

    /// <summary>The newest change of a key up to the compaction stays, a tombstone only if it is exactly there; everything later stays.</summary>
    private static IEnumerable<(Revision Revision, string Key, bool IsTombstone)> Kept(List<(Revision Revision, string Key, bool IsTombstone)> changes, long compacted) =>
        changes.Where(change => change.Revision.Main > compacted
            || (!changes.Exists(other => other.Key == change.Key && other.Revision > change.Revision && other.Revision.Main <= compacted)
                && (!change.IsTombstone || change.Revision.Main == compacted)));

    private static string[] ReadAll(PinnedHistory history)
    {
        var read = new List<string>();
        while (history.TryReadNext(out Revision revision, out bool isTombstone))
        {
            var pair = Protocol.Mvccpb.KeyValue.Parser.ParseFrom(history.Record.Span);
            Assert.Equal(isTombstone ? 0 : revision.Main, pair.ModRevision);
            read.Add(Show(revision, isTombstone, pair.Key.ToStringUtf8()));
        }
        return [.. read];
    }

    private static string Show(Revision revision, bool isTombstone, string key) => $"{revision} {key}{(isTombstone ? " gone" : "")}";
}
