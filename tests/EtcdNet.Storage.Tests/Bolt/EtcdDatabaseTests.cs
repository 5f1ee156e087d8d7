using System.Buffers.Binary;
using System.Text;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Protocol.Raftpb;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.Storage.Bolt;
using EtcdNet.Storage.Records;
using EtcdNet.Testing.Bolt;
using Google.Protobuf;
using BoltPair = EtcdNet.Testing.Bolt.BoltPair;
using Lease = EtcdNet.Protocol.Leasepb.Lease;
using Member = EtcdNet.StateMachine.Cluster.Member;

namespace EtcdNet.Storage.Tests.Bolt;

/// <summary>The buckets of etcd's database, with everything in them that a state can have.</summary>
public sealed class EtcdDatabaseTests
{
    private readonly StateMachine.StateMachine _machine = new(new MemoryBackend(), minLeaseTtl: 2);
    private ulong _index;

    [Fact]
    public void A_new_state_has_all_buckets()
    {
        IReadOnlyDictionary<string, BoltPair[]> buckets = Save();
        Assert.Equal(["alarm", "auth", "authRoles", "authUsers", "cluster", "key", "lease", "members", "members_removed", "meta"], buckets.Keys);
        Assert.Equal(["consistent_index", "storageVersion", "term"], Names(buckets["meta"]));
        Assert.Equal(["authEnabled", "authRevision"], Names(buckets["auth"]));
        Assert.Equal([0], buckets["auth"][0].Value);
        Assert.Equal(1ul, Number(buckets["auth"][1].Value));
        Assert.All(buckets.Where(static bucket => bucket.Key is not ("auth" or "meta")), static bucket => Assert.Empty(bucket.Value));
    }

    [Fact]
    public void Users_and_roles_are_in_buckets_of_their_own()
    {
        Apply(new InternalRaftRequest { AuthUserAdd = new AuthUserAddRequest { Name = "root", HashedPassword = Convert.ToBase64String("hash"u8) } });
        Apply(new InternalRaftRequest { AuthUserAdd = new AuthUserAddRequest { Name = "bob", Options = new Protocol.Authpb.UserAddOptions { NoPassword = true } } });
        Apply(new InternalRaftRequest { AuthRoleAdd = new AuthRoleAddRequest { Name = "r" } });
        var permission = new Protocol.Authpb.Permission { PermType = Protocol.Authpb.Permission.Types.Type.Write, Key = ByteString.CopyFromUtf8("a"), RangeEnd = ByteString.CopyFromUtf8("b") };
        Apply(new InternalRaftRequest { AuthRoleGrantPermission = new AuthRoleGrantPermissionRequest { Name = "r", Perm = permission } });
        Apply(new InternalRaftRequest { AuthUserGrantRole = new AuthUserGrantRoleRequest { User = "root", Role = "root" } });
        Apply(new InternalRaftRequest { AuthEnable = new AuthEnableRequest() });
        IReadOnlyDictionary<string, BoltPair[]> buckets = Save();
        Assert.Equal([1], buckets["auth"][0].Value);
        Assert.Equal(6ul, Number(buckets["auth"][1].Value));
        Assert.Equal(["bob", "root"], Names(buckets["authUsers"]));
        Protocol.Authpb.User[] users = [.. buckets["authUsers"].Select(static row => Protocol.Authpb.User.Parser.ParseFrom(row.Value))];
        Assert.Equal((true, ""), (users[0].Options.NoPassword, users[0].Password.ToStringUtf8()));
        Assert.Equal(("root", "hash", "root"), (users[1].Name.ToStringUtf8(), users[1].Password.ToStringUtf8(), Assert.Single(users[1].Roles)));
        Assert.Equal(["r"], Names(buckets["authRoles"]));
        Assert.Equal([permission], Protocol.Authpb.Role.Parser.ParseFrom(buckets["authRoles"][0].Value).KeyPermission);
    }

    [Fact]
    public void Keys_are_rows_by_revision()
    {
        Put("a", "1");
        Apply(new InternalRaftRequest { Txn = new TxnRequest { Success = { Putting("b", "2"), Deleting("a"), Putting("c", new string('x', 1_500_000)) } } });
        BoltPair[] rows = Save()["key"];
        Assert.Equal(["2/0", "3/0", "3/1t", "3/2"], rows.Select(static row => RowName(row.Key)));
        KeyValue[] pairs = [.. rows.Select(static row => KeyValue.Parser.ParseFrom(row.Value))];
        Assert.Equal(["a", "b", "a", "c"], pairs.Select(static pair => pair.Key.ToStringUtf8()));
        Assert.Equal([1, 1, 0, 1_500_000], pairs.Select(static pair => pair.Value.Length));
        Assert.Equal([2, 3, 0, 3], pairs.Select(static pair => pair.CreateRevision));
        Assert.Equal([1, 1, 0, 1], pairs.Select(static pair => pair.Version));
    }

    [Fact]
    public void A_compaction_is_told_and_what_it_kills_is_not()
    {
        for (int i = 0; i < 10; i++)
            Put("a", $"{i}");
        Apply(new InternalRaftRequest { Compaction = new CompactionRequest { Revision = 6 } });
        Assert.True(_machine.Compactor.HasWork);
        IReadOnlyDictionary<string, BoltPair[]> buckets = Save();
        Assert.Equal(["6/0", "7/0", "8/0", "9/0", "10/0", "11/0"], buckets["key"].Select(static row => RowName(row.Key)));
        BoltPair[] meta = buckets["meta"];
        Assert.Equal(["consistent_index", "finishedCompactRev", "scheduledCompactRev", "storageVersion", "term"], Names(meta));
        Assert.Equal((_index, "6/0", "6/0", "3.6.0", 5ul), (Number(meta[0].Value), RowName(meta[1].Value), RowName(meta[2].Value), Text(meta[3].Value), Number(meta[4].Value)));
    }

    [Fact]
    public void Leases_and_alarms_are_there()
    {
        long[] ids = [7, 1, long.MaxValue, 300];
        foreach (long id in ids)
            Apply(new InternalRaftRequest { LeaseGrant = new LeaseGrantRequest { ID = id, TTL = 60 } });
        Apply(new InternalRaftRequest { LeaseCheckpoint = new LeaseCheckpointRequest { Checkpoints = { new LeaseCheckpoint { ID = 300, RemainingTTL = 44 } } } });
        foreach (AlarmType alarm in new[] { AlarmType.Corrupt, AlarmType.Nospace })
            Apply(new InternalRaftRequest { Alarm = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, MemberID = 9, Alarm = alarm } });
        IReadOnlyDictionary<string, BoltPair[]> buckets = Save();
        Assert.Equal(ids.Order(), buckets["lease"].Select(static row => (long)Number(row.Key)));
        Lease[] leases = [.. buckets["lease"].Select(static row => Lease.Parser.ParseFrom(row.Value))];
        Assert.Equal(ids.Order(), leases.Select(static lease => lease.ID));
        Assert.Equal([(60, 0), (60, 0), (60, 44), (60, 0)], leases.Select(static lease => (lease.TTL, lease.RemainingTTL)));
        Assert.Equal([AlarmType.Nospace, AlarmType.Corrupt], buckets["alarm"].Select(static row => AlarmMember.Parser.ParseFrom(row.Key).Alarm));
        Assert.All(buckets["alarm"], static row => Assert.Empty(row.Value));
    }

    [Fact]
    public void Members_and_versions_are_there()
    {
        var first = new Member { Id = 0xabc, PeerUrls = ["http://a:2380"], Name = "a", ClientUrls = ["http://a:2379"] };
        Change(ConfChangeType.ConfChangeAddNode, first);
        Change(ConfChangeType.ConfChangeAddLearnerNode, new Member { Id = 0x2, PeerUrls = ["http://b:2380"], IsLearner = true });
        Change(ConfChangeType.ConfChangeAddNode, new Member { Id = 0x3, PeerUrls = ["http://c:2380"] });
        Change(ConfChangeType.ConfChangeRemoveNode, new Member { Id = 0x3 });
        Apply(new InternalRaftRequest { ClusterVersionSet = new Protocol.Membershippb.ClusterVersionSetRequest { Ver = "3.6.0" } });
        Apply(new InternalRaftRequest { DowngradeInfoSet = new Protocol.Membershippb.DowngradeInfoSetRequest { Enabled = true, Ver = "3.5.0" } });
        IReadOnlyDictionary<string, BoltPair[]> buckets = Save();
        Assert.Equal(
            [
                ("2", """{"id":2,"peerURLs":["http://b:2380"],"isLearner":true}"""),
                ("abc", """{"id":2748,"peerURLs":["http://a:2380"],"name":"a","clientURLs":["http://a:2379"]}"""),
            ],
            buckets["members"].Select(Texts));
        Assert.Equal([("3", "removed")], buckets["members_removed"].Select(Texts));
        Assert.Equal([("clusterVersion", "3.6.0"), ("downgrade", """{"target-version":"3.5.0","enabled":true}""")], buckets["cluster"].Select(Texts));
        Assert.Equal("""{"voters":[2748],"learners":[2],"auto_leave":false}""", Text(buckets["meta"].First(static row => Text(row.Key) == "confState").Value));
    }

    private static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes);

    private static (string Key, string Value) Texts(BoltPair pair) => (Text(pair.Key), Text(pair.Value));

    private static string[] Names(BoltPair[] rows) => [.. rows.Select(static row => Text(row.Key))];

    private static ulong Number(byte[] bytes)
    {
        Assert.Equal(8, bytes.Length);
        return BinaryPrimitives.ReadUInt64BigEndian(bytes);
    }

    private static string RowName(byte[] key)
    {
        Assert.Equal((byte)'_', key[8]);
        Assert.True(key.Length == 17 || (key.Length == 18 && key[17] == 't'), Convert.ToHexString(key));
        return $"{Number(key[..8])}/{Number(key[9..17])}{(key.Length == 18 ? "t" : "")}";
    }

    private static RequestOp Putting(string key, string value) =>
        new() { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) } };

    private static RequestOp Deleting(string key) => new() { RequestDeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(key) } };

    private void Put(string key, string value) => Apply(new InternalRaftRequest { Put = Putting(key, value).RequestPut });

    private void Apply(InternalRaftRequest request) => Assert.Null(_machine.Apply(++_index, 5, request).Error);

    private void Change(ConfChangeType type, Member member)
    {
        var change = new ConfChange { Type = type, NodeId = member.Id, Context = ByteString.CopyFrom(MemberJson.WriteContext(member)) };
        var configuration = new ConfState { Voters = { 0xabc }, Learners = { 2 }, AutoLeave = false };
        Assert.Null(_machine.ApplyConfChange(++_index, 5, change, configuration.ToByteArray()).Error);
    }

    private IReadOnlyDictionary<string, BoltPair[]> Save()
    {
        using PinnedState state = _machine.Pin();
        using BoltFile file = EtcdDatabase.Of(state);
        while (file.MeasureNext(10_000))
        {
        }
        var bytes = new MemoryStream();
        while (file.WriteNext(10_000) is { IsEmpty: false } piece)
            bytes.Write(piece.Span);
        return BoltReader.Read(bytes.ToArray()).Buckets;
    }
}
