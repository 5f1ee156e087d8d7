using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Tests;

/// <summary>Surface rule 19, and what etcd 3.5.16 made of tombstones at the compact revision.</summary>
public sealed class CompactionTests
{
    private readonly Machine _machine = new(new InMemoryBackend(dropReleased: true));

    [Fact]
    public void Bounds_are_those_of_etcd()
    {
        Assert.Equal(EtcdError.Compacted.Message, _machine.Compact(-1)?.Message);
        Assert.Equal(EtcdError.FutureRev.Message, _machine.Compact(2)?.Message);
        Assert.Null(_machine.Compact(0));
        Assert.Equal(EtcdError.Compacted.Message, _machine.Compact(0)?.Message);
        _machine.Put("a");
        Assert.Null(_machine.Compact(2));
        Assert.Equal(EtcdError.Compacted.Message, _machine.Compact(2)?.Message);
        Assert.Equal(2, _machine.Store.CurrentRevision);
    }

    [Fact]
    public void Only_what_can_still_be_read_stays()
    {
        _machine.Put("a", "2");
        _machine.Put("a", "3");
        _machine.Put("b", "4");
        _machine.Delete("b");
        _machine.Put("a", "6");
        _machine.Delete("a");
        Assert.Equal(6, _machine.Backend.Count);
        Assert.Null(_machine.Compact(6));
        // a at 6, and its tombstone at 7.
        Assert.Equal(2, _machine.Backend.Count);
        Assert.Equal(6, _machine.State.Compactor.FinishedRevision);
        Assert.Equal("a=6", _machine.Show("\0", "\0", revision: 6));
        Assert.Equal("", _machine.Show("\0", "\0"));
        _machine.Put("c");
        Assert.Null(_machine.Compact(8));
        Assert.Equal(1, _machine.Backend.Count);
        Assert.Equal(1, _machine.Store.LiveKeys);
    }

    [Fact]
    public void A_tombstone_at_the_compact_revision_stays_for_watchers_that_start_there()
    {
        _machine.Put("a", "2");
        _machine.Delete("a");
        Assert.Null(_machine.Compact(3));
        Assert.Equal(1, _machine.Backend.Count);
        var events = new List<StoreEvent>();
        using (IHistoryCursor cursor = _machine.Store.Open(Machine.Bytes("a").Memory, default, 3, 3))
            Assert.Equal(3, cursor.ReadNext(events, 10));
        Assert.Equal(Protocol.Mvccpb.Event.Types.EventType.Delete, Assert.Single(events).Type);
        _machine.Put("b");
        Assert.Null(_machine.Compact(4));
        Assert.Equal(1, _machine.Backend.Count);
    }

    [Fact]
    public void A_compaction_counts_at_once_and_works_in_slices()
    {
        for (int i = 0; i < 10; i++)
        {
            _machine.Put($"k{i}", "old");
            _machine.Put($"k{i}", "new");
        }
        ApplyResult result = _machine.Apply(new InternalRaftRequest { Compaction = new CompactionRequest { Revision = 21, Physical = true } });
        Assert.Null(result.Error);
        Assert.True(_machine.State.Compactor.HasWork, "the answer does not wait for the work");
        Assert.Throws<EtcdException>(() => _machine.Range("k0", revision: 20));
        Assert.True(_machine.State.Compactor.Step(8));
        Assert.Equal((16, 0L), (_machine.Backend.Count, _machine.State.Compactor.FinishedRevision));
        // Another one comes while the first is at work.
        _machine.Put("k9", "newest");
        Assert.Null(_machine.Compact(22, physically: false));
        Assert.True(_machine.State.Compactor.Step(8));
        Assert.True(_machine.State.Compactor.Step(8));
        Assert.Equal(21, _machine.State.Compactor.FinishedRevision);
        Assert.False(_machine.State.Compactor.Step(8));
        Assert.Equal((10, 22L), (_machine.Backend.Count, _machine.State.Compactor.FinishedRevision));
        Assert.Equal(11, _machine.State.Compactor.ReleasedTotal);
        Assert.False(_machine.State.Compactor.Step(8));
    }

    [Fact]
    public void A_key_with_very_many_versions_takes_several_slices_and_may_change_in_between()
    {
        for (int i = 0; i < 1000; i++)
            _machine.Put("hot", $"{i}");
        _machine.Delete("hot");
        Assert.Null(_machine.Compact(1002, physically: false));
        Assert.True(_machine.State.Compactor.Step(100));
        Assert.Equal((100L, 0L), (_machine.State.Compactor.ReleasedTotal, _machine.State.Compactor.FinishedRevision));
        _machine.Put("hot", "again");
        Assert.Equal("hot=again", _machine.Show("\0", "\0"));
        int slices = 1;
        while (_machine.State.Compactor.Step(100))
            slices++;
        Assert.InRange(slices, 9, 11);
        // The tombstone is at the compact revision and stays for watchers that start there; and what came after.
        Assert.Equal((2, 1002L), (_machine.Backend.Count, _machine.State.Compactor.FinishedRevision));
        Assert.Equal("hot=again", _machine.Show("\0", "\0"));
        Assert.Null(_machine.Compact(1003));
        Assert.Equal(1, _machine.Backend.Count);
    }

    [Fact]
    public void An_old_view_is_refused_once_it_was_passed()
    {
        _machine.Put("a", "2");
        ReadView old = _machine.Store.View;
        Assert.Equal(1, _machine.Store.Range(new RangeRequest { Key = Machine.Bytes("a") }, old).Count);
        _machine.Put("a", "3");
        Assert.Null(_machine.Compact(3));
        Assert.True(_machine.Store.IsOvertaken(old));
        Assert.Equal(
            EtcdError.Compacted.Message,
            Assert.Throws<EtcdException>(() => _machine.Store.Range(new RangeRequest { Key = Machine.Bytes("a") }, old)).Message);
        Assert.Throws<EtcdException>(() => _machine.State.Txns.Read(Op.Txn(then: [Op.Get("a")]), old));
    }

    /// <summary>The compaction falls between a reader's look at the index and its look at the records.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_read_that_compaction_overtakes_is_never_wrong(bool dropReleased)
    {
        var machine = new Machine(new InMemoryBackend(dropReleased));
        machine.Put("a", "2");
        machine.Put("b", "3");
        machine.Backend.AtNextRead = () => Overwrite(machine, "4");
        Assert.Equal(
            EtcdError.Compacted.Message, Assert.Throws<EtcdException>(() => machine.Range("a", "c", revision: 3)).Message);
        // A read of now is answered from the newer state instead.
        machine.Backend.AtNextRead = () => Overwrite(machine, "5");
        RangeResponse now = machine.Range("a", "c");
        Assert.Equal(("a=5 b=5", 7L), (Machine.Show(now.Kvs), now.Header.Revision));
        machine.Backend.AtNextRead = () => Overwrite(machine, "6");
        TxnResponse txn = machine.State.Txns.Read(Op.Txn(
            [Op.When("a", Compare.Types.CompareTarget.Value, "=", value: "6")], [Op.Get("a"), Op.Get("b")]));
        Assert.True(txn.Succeeded);
        Assert.Equal("b=6", Machine.Show(txn.Responses[1].ResponseRange.Kvs));
        machine.Backend.AtNextRead = () => Overwrite(machine, "7");
        KvHashResult hash = machine.State.HashKv(0);
        Assert.Equal((11L, 11L), (hash.Revision, hash.CompactRevision));
        Assert.Equal(hash, machine.State.HashKv(11));
    }

    /// <summary>A record that is missing without a compaction is damage, never an empty answer.</summary>
    [Fact]
    public void A_lost_record_is_reported()
    {
        _machine.Put("a", "2");
        _machine.Backend.Remove(new Revision(2, 0));
        Assert.Throws<BackendDamagedException>(() => _machine.Range("a"));
        Assert.Throws<BackendDamagedException>(() => _machine.State.HashKv(0));
        Assert.Throws<BackendDamagedException>(() => _machine.State.Txns.Read(Op.Txn(then: [Op.Get("a")])));
    }

    private static void Overwrite(Machine machine, string value)
    {
        machine.Put("a", value);
        machine.Put("b", value);
        Assert.Null(machine.Compact(machine.Store.CurrentRevision));
    }
}
