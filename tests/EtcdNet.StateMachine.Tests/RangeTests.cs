using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Errors;
using SortOrder = EtcdNet.Protocol.Etcdserverpb.RangeRequest.Types.SortOrder;
using SortTarget = EtcdNet.Protocol.Etcdserverpb.RangeRequest.Types.SortTarget;

namespace EtcdNet.StateMachine.Tests;

/// <summary>Surface rules 1 to 12.</summary>
public sealed class RangeTests
{
    private readonly Machine _machine = new();

    [Fact]
    public void An_empty_store_is_at_revision_1()
    {
        RangeResponse answer = _machine.Range("a");
        Assert.Equal(1, answer.Header.Revision);
        Assert.Equal(0, answer.Count);
        Assert.Empty(answer.Kvs);
        Assert.Equal(1, _machine.Delete("a").Header.Revision);
    }

    [Fact]
    public void A_key_begins_a_new_life_after_a_delete()
    {
        _machine.Put("a", "1");
        _machine.Put("a", "2");
        Assert.Equal(new KeyValue { Key = Machine.Bytes("a"), CreateRevision = 2, ModRevision = 3, Version = 2, Value = Machine.Bytes("2") },
            Assert.Single(_machine.Range("a").Kvs));
        DeleteRangeResponse deleted = _machine.Delete("a", prev: true);
        Assert.Equal((1, 4), (deleted.Deleted, deleted.Header.Revision));
        Assert.Equal(2, Assert.Single(deleted.PrevKvs).Version);
        _machine.Put("a", "3");
        Assert.Equal((5, 5, 1), Life(_machine.Range("a").Kvs[0]));
        Assert.Equal((2, 2, 1), Life(_machine.Range("a", revision: 2).Kvs[0]));
        Assert.Empty(_machine.Range("a", revision: 4).Kvs);
        Assert.Equal(5, _machine.Range("a", revision: 2).Header.Revision);
    }

    [Theory]
    [InlineData("b", "", "b=2")]
    [InlineData("a", "c", "a=1 b=2")]
    [InlineData("b", "\0", "b=2 c=3 d=4")]
    [InlineData("\0", "\0", "a=1 b=2 c=3 d=4")]
    [InlineData("c", "b", "")]
    [InlineData("b", "b", "")]
    [InlineData("bb", "cc", "c=3")]
    public void A_range_names_its_keys(string key, string end, string expected)
    {
        FillFour();
        Assert.Equal(expected, _machine.Show(key, end));
        Assert.Equal(expected.Length == 0 ? 0 : expected.Split(' ').Length, _machine.Range(key, end, with: r => r.CountOnly = true).Count);
    }

    [Fact]
    public void Limit_cuts_the_pairs_but_not_the_count()
    {
        FillFour();
        RangeResponse answer = _machine.Range("a", "\0", with: request => request.Limit = 2);
        Assert.Equal("a=1 b=2", Machine.Show(answer.Kvs));
        Assert.Equal((true, 4L), (answer.More, answer.Count));
        answer = _machine.Range("a", "\0", with: request => request.Limit = 4);
        Assert.Equal((false, 4L), (answer.More, answer.Count));
        answer = _machine.Range("a", "\0", with: request => (request.Limit, request.CountOnly) = (2, true));
        Assert.Equal((false, 4L, 0), (answer.More, answer.Count, answer.Kvs.Count));
        Assert.Equal(4, _machine.Range("a", "\0", with: request => request.Limit = -1).Kvs.Count);
    }

    [Theory]
    [InlineData(SortOrder.None, SortTarget.Key, "a=4 b=3 c=1 d=2")]
    [InlineData(SortOrder.Descend, SortTarget.Key, "d=2 c=1 b=3 a=4")]
    [InlineData(SortOrder.None, SortTarget.Mod, "b=3 c=1 d=2 a=4")]
    [InlineData(SortOrder.Descend, SortTarget.Mod, "a=4 d=2 c=1 b=3")]
    [InlineData(SortOrder.Ascend, SortTarget.Create, "a=4 b=3 c=1 d=2")]
    [InlineData(SortOrder.Descend, SortTarget.Version, "a=4 b=3 c=1 d=2")]
    [InlineData(SortOrder.Ascend, SortTarget.Version, "b=3 c=1 d=2 a=4")]
    [InlineData(SortOrder.None, SortTarget.Value, "c=1 d=2 b=3 a=4")]
    [InlineData(SortOrder.Descend, SortTarget.Value, "a=4 b=3 d=2 c=1")]
    public void Sorting_comes_before_the_limit(SortOrder order, SortTarget target, string expected)
    {
        _machine.Put("a", "0");
        _machine.Put("b", "3");
        _machine.Put("c", "1");
        _machine.Put("d", "2");
        _machine.Put("a", "4");
        Assert.Equal(expected, _machine.Show("a", "\0", with: request => (request.SortOrder, request.SortTarget) = (order, target)));
        RangeResponse two = _machine.Range(
            "a", "\0", with: request => (request.SortOrder, request.SortTarget, request.Limit) = (order, target, 2));
        Assert.Equal(string.Join(' ', expected.Split(' ')[..2]), Machine.Show(two.Kvs));
        Assert.Equal((true, 4L), (two.More, two.Count));
    }

    [Fact]
    public void Filters_leave_the_count_alone()
    {
        FillFour();
        RangeResponse answer = _machine.Range("a", "\0", with: request => request.MinModRevision = 4);
        Assert.Equal("c=3 d=4", Machine.Show(answer.Kvs));
        Assert.Equal((false, 4L), (answer.More, answer.Count));
        answer = _machine.Range("a", "\0", with: request => (request.MaxCreateRevision, request.MinCreateRevision, request.Limit) = (4, 3, 1));
        Assert.Equal("b=2", Machine.Show(answer.Kvs));
        Assert.Equal((true, 4L), (answer.More, answer.Count));
        Assert.Equal("a=1 b=2", _machine.Show("a", "\0", with: request => request.MaxModRevision = 3));
    }

    [Fact]
    public void Keys_only_shows_the_lease_but_no_value()
    {
        _machine.Grant(77);
        _machine.Put("a", "1", lease: 77);
        _machine.Put("b", "2");
        foreach (SortTarget target in new[] { SortTarget.Key, SortTarget.Value })
        {
            RangeResponse answer = _machine.Range("a", "c", with: request => (request.KeysOnly, request.SortTarget) = (true, target));
            Assert.Equal([77L, 0L], answer.Kvs.Select(pair => pair.Lease));
            Assert.All(answer.Kvs, pair => Assert.True(pair.Value.IsEmpty));
        }
    }

    [Fact]
    public void Revisions_of_the_future_and_the_past_are_refused()
    {
        FillFour();
        Assert.Equal(EtcdError.FutureRev.Message, Assert.Throws<EtcdException>(() => _machine.Range("a", revision: 6)).Message);
        Assert.Equal("a=1", _machine.Show("a", revision: -1));
        Assert.Null(_machine.Compact(3));
        Assert.Equal(EtcdError.Compacted.Message, Assert.Throws<EtcdException>(() => _machine.Range("a", revision: 2)).Message);
        Assert.Equal("a=1 b=2", _machine.Show("a", "\0", revision: 3));
    }

    [Fact]
    public void Binary_keys_and_empty_values_are_kept_in_byte_order()
    {
        _machine.Put("\u00ff", "");
        _machine.Put("\0\0", "x");
        _machine.Put("a\0", "");
        _machine.Put("a", "");
        Assert.Equal(
            [Machine.Bytes("\0\0"), Machine.Bytes("a"), Machine.Bytes("a\0"), Machine.Bytes("\u00ff")],
            _machine.Range("\0", "\0").Kvs.Select(pair => pair.Key));
    }

    private void FillFour()
    {
        _machine.Put("a", "1");
        _machine.Put("b", "2");
        _machine.Put("c", "3");
        _machine.Put("d", "4");
    }

    private static (long Create, long Mod, long Version) Life(KeyValue pair) => (pair.CreateRevision, pair.ModRevision, pair.Version);
}
