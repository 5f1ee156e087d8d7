using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Txn;
using Target = EtcdNet.Protocol.Etcdserverpb.Compare.Types.CompareTarget;

namespace EtcdNet.StateMachine.Tests;

/// <summary>Surface rules 13 to 18, and the put rules of 4.</summary>
public sealed class TxnTests
{
    private readonly Machine _machine = new();

    [Fact]
    public void Headers_are_those_of_etcd()
    {
        _machine.Put("a");
        TxnResponse answer = _machine.Txn(Op.Txn(then:
        [
            Op.Get("e"), Op.Delete("a"), Op.Put("e"), Op.Get("e"), Op.Nested(Op.Txn(then: [Op.Get("x")])),
        ]));
        Assert.True(answer.Succeeded);
        Assert.Equal(3, answer.Header.Revision);
        Assert.Equal(2, answer.Responses[0].ResponseRange.Header.Revision);
        Assert.Equal((3, 1), (answer.Responses[1].ResponseDeleteRange.Header.Revision, answer.Responses[1].ResponseDeleteRange.Deleted));
        Assert.Equal(3, answer.Responses[2].ResponsePut.Header.Revision);
        Assert.Equal(3, answer.Responses[3].ResponseRange.Kvs[0].CreateRevision);
        Assert.Equal(new ResponseHeader(), answer.Responses[4].ResponseTxn.Header);
        Assert.Equal(3, answer.Responses[4].ResponseTxn.Responses[0].ResponseRange.Header.Revision);
    }

    [Fact]
    public void A_put_cannot_keep_what_the_same_transaction_deleted_before()
    {
        _machine.Put("a", "1");
        _machine.Put("b", "2");
        var keepValue = new RequestOp { RequestPut = new PutRequest { Key = Machine.Bytes("b"), IgnoreValue = true } };
        var keepLease = new RequestOp { RequestPut = new PutRequest { Key = Machine.Bytes("b"), IgnoreLease = true } };
        foreach (RequestOp keep in new[] { keepValue, keepLease, Op.Nested(Op.Txn(then: [keepValue])) })
        {
            TxnRequest request = Op.Txn(then: [Op.Delete("a", "\0"), keep]);
            RequestChecks.Check(request); // a deletion without an end clashes with nothing
            Assert.Equal(EtcdError.KeyNotFound.Message, _machine.Refused(new InternalRaftRequest { Txn = request }).Message);
        }
        Assert.Equal("a=1 b=2", _machine.Show("a", "\0"));
        _machine.Txn(Op.Txn(then: [keepValue, Op.Delete("b", "\0")]));
        Assert.Equal("a=1", _machine.Show("a", "\0"));
    }

    [Fact]
    public void What_changes_nothing_makes_no_revision()
    {
        TxnResponse answer = _machine.Txn(Op.Txn());
        Assert.True(answer.Succeeded);
        Assert.Equal(1, answer.Header.Revision);
        Assert.Equal(1, _machine.Txn(Op.Txn(then: [Op.Delete("x"), Op.Get("x")])).Header.Revision);
    }

    [Theory]
    [InlineData("a", Target.Version, "=", 2, true)]
    [InlineData("a", Target.Version, "!=", 2, false)]
    [InlineData("a", Target.Create, "<", 3, true)]
    [InlineData("a", Target.Mod, ">", 3, false)]
    [InlineData("a", Target.Mod, ">", 2, true)]
    [InlineData("a", Target.Lease, "=", 7, true)]
    [InlineData("none", Target.Version, "=", 0, true)]
    [InlineData("none", Target.Lease, "<", 1, true)]
    [InlineData("none", Target.Create, ">", 0, false)]
    public void Numbers_are_compared(string key, Target target, string sign, long number, bool expected)
    {
        _machine.Grant(7);
        _machine.Put("a", "1");
        _machine.Put("a", "2", lease: 7);
        TxnRequest request = Op.Txn([Op.When(key, target, sign, number)], [Op.Get(key)]);
        Assert.Equal(expected, _machine.State.Txns.Read(request).Succeeded);
        Assert.Equal(expected, _machine.Txn(request).Succeeded);
    }

    [Theory]
    [InlineData("a", "", "=", "m", true)]
    [InlineData("a", "", ">", "l", true)]
    [InlineData("a", "", "<", "m", false)]
    [InlineData("none", "", "=", "", false)]
    [InlineData("none", "", "!=", "x", false)]
    [InlineData("a", "c", "=", "m", true)]
    [InlineData("a", "d", "=", "m", false)]
    [InlineData("x", "z", "=", "m", false)]
    public void Values_are_compared_and_ranges_need_all(string key, string end, string sign, string value, bool expected)
    {
        _machine.Put("a", "m");
        _machine.Put("b", "m");
        _machine.Put("c", "n");
        TxnRequest request = Op.Txn([Op.When(key, Target.Value, sign, value: value, end: end)]);
        Assert.Equal(expected, _machine.State.Txns.Read(request).Succeeded);
    }

    [Fact]
    public void Nested_compares_are_judged_before_any_write()
    {
        TxnResponse answer = _machine.Txn(Op.Txn(then:
        [
            Op.Put("a", "1"),
            Op.Nested(Op.Txn([Op.When("a", Target.Version, "=", 0)], [Op.Put("b", "first")], [Op.Put("b", "second")])),
        ]));
        Assert.True(answer.Responses[1].ResponseTxn.Succeeded);
        Assert.Equal("a=1 b=first", _machine.Show("a", "\0"));
        Assert.Equal(2, answer.Header.Revision);
    }

    [Theory]
    [InlineData(9)]
    [InlineData(2)]
    [InlineData(-5)]
    public void A_range_that_cannot_be_read_fails_the_whole_transaction_without_a_trace(long revision)
    {
        for (int i = 0; i < 4; i++)
            _machine.Put("a", $"{i}");
        _machine.Compact(3);
        uint before = _machine.State.Hash();
        EtcdException error = _machine.Refused(new InternalRaftRequest
        {
            Txn = Op.Txn(then: [Op.Put("b"), Op.Nested(Op.Txn(then: [Op.Get("a", revision: revision)]))]),
        });
        Assert.Equal((revision == 9 ? EtcdError.FutureRev : EtcdError.Compacted).Message, error.Message);
        Assert.Equal(before, _machine.State.Hash());
        Assert.Empty(_machine.Range("b").Kvs);
    }

    [Fact]
    public void Puts_that_must_fail_fail_before_anything_is_written()
    {
        var ignoring = new RequestOp { RequestPut = new PutRequest { Key = Machine.Bytes("none"), IgnoreValue = true } };
        Assert.Equal(
            EtcdError.KeyNotFound.Message,
            _machine.Refused(new InternalRaftRequest { Txn = Op.Txn(then: [Op.Put("b"), ignoring]) }).Message);
        Assert.Equal(
            EtcdError.LeaseNotFound.Message,
            _machine.Refused(new InternalRaftRequest { Txn = Op.Txn(then: [Op.Put("b"), Op.Put("c", lease: 5)]) }).Message);
        Assert.Equal(1, _machine.Store.CurrentRevision);
        Assert.Equal(0, _machine.Backend.Count);
    }

    [Fact]
    public void A_key_may_be_put_and_deleted_through_an_open_range()
    {
        TxnRequest request = Op.Txn(then: [Op.Put("b", "1"), Op.Delete("\0", "\0")]);
        RequestChecks.Check(request);
        Assert.Equal(1, _machine.Txn(request).Responses[1].ResponseDeleteRange.Deleted);
        Assert.Empty(_machine.Range("b").Kvs);
        request = Op.Txn(then: [Op.Put("c", "1"), Op.Delete("\0", "\0"), Op.Nested(Op.Txn(then: [Op.Get("c")]))]);
        Assert.Equal(0, _machine.Txn(request).Responses[2].ResponseTxn.Responses[0].ResponseRange.Count);
        Assert.Null(_machine.Compact(3));
        Assert.Equal(0, _machine.Range("\0", "\0").Count);
    }

    [Fact]
    public void Put_keeps_what_it_is_told_to_keep()
    {
        _machine.Grant(7);
        _machine.Put("a", "1", lease: 7);
        var keepValue = new PutRequest { Key = Machine.Bytes("a"), IgnoreValue = true, PrevKv = true };
        PutResponse answer = _machine.Do<PutResponse>(new InternalRaftRequest { Put = keepValue });
        Assert.Equal(("1", 7L), (answer.PrevKv.Value.ToStringUtf8(), answer.PrevKv.Lease));
        Assert.Equal(("1", 0L), (_machine.Range("a").Kvs[0].Value.ToStringUtf8(), _machine.Range("a").Kvs[0].Lease));
        Assert.Empty(_machine.State.Leases.KeysOf(7));
        _machine.Put("a", "2", lease: 7);
        var keepLease = new PutRequest { Key = Machine.Bytes("a"), Value = Machine.Bytes("3"), IgnoreLease = true };
        _machine.Do<PutResponse>(new InternalRaftRequest { Put = keepLease });
        Assert.Equal(("3", 7L), (_machine.Range("a").Kvs[0].Value.ToStringUtf8(), _machine.Range("a").Kvs[0].Lease));
        Assert.Single(_machine.State.Leases.KeysOf(7));
        Assert.Equal(
            EtcdError.LeaseNotFound.Message,
            _machine.Refused(new InternalRaftRequest { Put = new PutRequest { Key = Machine.Bytes("a"), Lease = 8 } }).Message);
        Assert.Equal(
            EtcdError.KeyNotFound.Message,
            _machine.Refused(new InternalRaftRequest { Put = new PutRequest { Key = Machine.Bytes("b"), IgnoreLease = true } }).Message);
    }

    [Fact]
    public void Reading_transactions_are_told_from_writing_ones()
    {
        TxnRequest reading = Op.Txn(then: [Op.Get("a", serializable: true)], otherwise: [Op.Nested(Op.Txn(then: [Op.Get("b")]))]);
        Assert.True(RequestChecks.IsReadOnly(reading));
        Assert.False(RequestChecks.IsSerializable(reading));
        reading.Failure[0].RequestTxn.Success[0].RequestRange.Serializable = true;
        Assert.True(RequestChecks.IsSerializable(reading));
        reading.Failure[0].RequestTxn.Failure.Add(Op.Delete("x"));
        Assert.False(RequestChecks.IsReadOnly(reading));
        Assert.False(RequestChecks.HasPut(reading));
        reading.Failure[0].RequestTxn.Failure.Add(Op.Put("x"));
        Assert.True(RequestChecks.HasPut(reading));
    }
}
