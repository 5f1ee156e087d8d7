using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Tests;

/// <summary>Surface rules 29 to 32 as far as they are replicated, and rules 34 and 35 on alarms.</summary>
public sealed class LeaseTests
{
    private readonly Machine _machine = new();

    [Fact]
    public void Grants_follow_the_bounds()
    {
        Assert.Equal((10L, 2L, 1L), (_machine.Grant(10, 0).ID, _machine.Grant(11, -5).TTL, _machine.Grant(12, 60).Header.Revision));
        Assert.Equal(EtcdError.LeaseExist.Message, Grant(10, 60).Message);
        Assert.Equal(EtcdError.LeaseTTLTooLarge.Message, Grant(13, 9_000_000_001).Message);
    }

    [Fact]
    public void A_revoke_deletes_the_keys_in_order_in_one_revision()
    {
        var sink = new CollectingSink();
        _machine.Store.WatchSink = sink;
        _machine.Grant(7);
        _machine.Put("c", lease: 7);
        _machine.Put("a", lease: 7);
        _machine.Put("b", lease: 7);
        _machine.Put("b");
        Assert.Equal(6, _machine.Revoke(7).Header.Revision);
        Assert.Equal(["6/0 a", "6/1 c"], sink.Events.Where(e => e.Revision.Main == 6).Select(e => $"{e.Revision} {e.KeyValue.Key.ToStringUtf8()}"));
        Assert.Equal("b=", _machine.Show("\0", "\0"));
        Assert.Equal(
            EtcdError.LeaseNotFound.Message,
            _machine.Refused(new InternalRaftRequest { LeaseRevoke = new LeaseRevokeRequest { ID = 7 } }).Message);
        _machine.Grant(8);
        Assert.Equal(6, _machine.Revoke(8).Header.Revision);
    }

    [Fact]
    public void Deleting_a_key_takes_it_off_its_lease()
    {
        _machine.Grant(7);
        _machine.Put("a", lease: 7);
        _machine.Delete("a");
        _machine.Put("a");
        Assert.Equal(4, _machine.Revoke(7).Header.Revision);
        Assert.Equal("a=", _machine.Show("a"));
    }

    [Fact]
    public void No_space_refuses_what_takes_space()
    {
        _machine.Put("a");
        Assert.Equal(AlarmType.Nospace, Assert.Single(Alarm(AlarmRequest.Types.AlarmAction.Activate, AlarmType.Nospace).Alarms).Alarm);
        Assert.Single(Alarm(AlarmRequest.Types.AlarmAction.Get, AlarmType.None).Alarms);
        string expected = EtcdError.NoSpace.Message;
        Assert.Equal(expected, _machine.Refused(new InternalRaftRequest { Put = new PutRequest { Key = Machine.Bytes("a") } }).Message);
        Assert.Equal(expected, _machine.Refused(new InternalRaftRequest { Txn = Op.Txn(otherwise: [Op.Put("a")]) }).Message);
        Assert.Equal(expected, Grant(1, 60).Message);
        Assert.Equal(3, _machine.Delete("a").Header.Revision);
        Assert.Null(_machine.Compact(3));
        _machine.Txn(Op.Txn(then: [Op.Delete("a")]));
        Assert.Single(Alarm(AlarmRequest.Types.AlarmAction.Deactivate, AlarmType.Nospace).Alarms);
        Assert.Empty(Alarm(AlarmRequest.Types.AlarmAction.Deactivate, AlarmType.Nospace).Alarms);
        Assert.Equal(4, _machine.Put("a").Header.Revision);
    }

    [Fact]
    public void Corruption_refuses_every_change()
    {
        _machine.Grant(7);
        Alarm(AlarmRequest.Types.AlarmAction.Activate, AlarmType.Corrupt);
        InternalRaftRequest[] requests =
        [
            new() { Put = new PutRequest { Key = Machine.Bytes("a") } }, new() { Txn = Op.Txn() },
            new() { DeleteRange = new DeleteRangeRequest { Key = Machine.Bytes("a") } },
            new() { LeaseRevoke = new LeaseRevokeRequest { ID = 7 } }, new() { LeaseGrant = new LeaseGrantRequest { ID = 8 } },
            new() { Compaction = new CompactionRequest() },
        ];
        Assert.All(requests, request => Assert.Equal(EtcdError.Corrupt.Message, _machine.Refused(request).Message));
        Assert.Equal(0, _machine.Range("a").Count);
        Alarm(AlarmRequest.Types.AlarmAction.Deactivate, AlarmType.Corrupt);
        Assert.Equal(2, _machine.Put("a").Header.Revision);
    }

    private AlarmResponse Alarm(AlarmRequest.Types.AlarmAction action, AlarmType alarm) =>
        _machine.Do<AlarmResponse>(new InternalRaftRequest { Alarm = new AlarmRequest { Action = action, Alarm = alarm, MemberID = 1 } });

    private EtcdException Grant(long id, long ttl) =>
        _machine.Refused(new InternalRaftRequest { LeaseGrant = new LeaseGrantRequest { ID = id, TTL = ttl } });
}

/// <summary>Keeps every event.</summary>
internal sealed class CollectingSink : IWatchSink
{
    public List<StoreEvent> Events { get; } = [];

    public Action<long>? OnRevision { get; set; }

    public void OnEvents(long revision, IReadOnlyList<StoreEvent> events)
    {
        Assert.All(events, one => Assert.Equal(revision, one.Revision.Main));
        Assert.True(Events.Count == 0 || Events[^1].Revision.Main < revision);
        Events.AddRange(events);
        OnRevision?.Invoke(revision);
    }
}
