using System.Text;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Membershippb;
using EtcdNet.Protocol.Raftpb;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;
using Member = EtcdNet.StateMachine.Cluster.Member;

namespace EtcdNet.StateMachine.Tests;

/// <summary>Section 5.6 of the surface: ids, configuration changes, versions.</summary>
public sealed class MemberTests
{
    private readonly Machine _machine = new();

    [Fact]
    public void Ids_are_those_of_etcd()
    {
        // Member and cluster of the recorded sessions: one member, name s1, token "etcd-cluster".
        ulong id = MemberIds.OfMember(["http://127.0.0.1:2380"], "etcd-cluster");
        Assert.Equal(ulong.Parse("13195394291058371180"), id);
        Assert.Equal(2037210783374497686UL, MemberIds.OfCluster([id]));
    }

    [Fact]
    public void Changes_are_judged_as_etcd_does()
    {
        Assert.Null(Add(1, "http://a"));
        Assert.Same(EtcdError.MemberExist, Judge(Change(ConfChangeType.ConfChangeAddNode, 1, "http://b")));
        Assert.Same(EtcdError.PeerURLExist, Judge(Change(ConfChangeType.ConfChangeAddNode, 2, "http://a")));
        Assert.Null(Add(2, "http://b", learner: true));
        Assert.Same(EtcdError.TooManyLearners, Judge(Change(ConfChangeType.ConfChangeAddLearnerNode, 3, "http://c", learner: true)));
        Assert.Same(EtcdError.MemberNotFound, Judge(Change(ConfChangeType.ConfChangeRemoveNode, 9)));
        Assert.Same(EtcdError.MemberNotFound, Judge(Change(ConfChangeType.ConfChangeUpdateNode, 9, "http://c")));
        Assert.Same(EtcdError.PeerURLExist, Judge(Change(ConfChangeType.ConfChangeUpdateNode, 1, "http://b")));
        Assert.Same(EtcdError.MemberNotLearner, Judge(Change(ConfChangeType.ConfChangeAddNode, 1, promote: true)));
        Assert.Same(EtcdError.MemberNotFound, Judge(Change(ConfChangeType.ConfChangeAddNode, 9, promote: true)));
        Assert.Same(EtcdError.MemberBadURLs, Judge(new ConfChange { NodeId = 9, Context = ByteString.CopyFromUtf8("{") }));
    }

    [Fact]
    public void Several_changes_are_made_together_or_not_at_all()
    {
        Add(1, "http://a");
        Add(2, "http://b", learner: true);
        ConfChange[] swap = [Change(ConfChangeType.ConfChangeAddNode, 3, "http://c"), Change(ConfChangeType.ConfChangeRemoveNode, 1)];
        Assert.Null(_machine.State.ApplyConfChange(_machine.NextIndex(), 1, swap, "joint"u8.ToArray()).Error);
        Assert.Equal([2UL, 3UL], _machine.State.Members.Members.Select(m => m.Id));

        // The second one does not fit what the first one makes.
        ConfChange[] same = [Change(ConfChangeType.ConfChangeAddNode, 4, "http://d"), Change(ConfChangeType.ConfChangeAddNode, 5, "http://d")];
        ApplyResult refused = _machine.State.ApplyConfChange(_machine.NextIndex(), 1, same, "same"u8.ToArray());
        Assert.Equal(EtcdError.PeerURLExist.Message, refused.Error?.Message);
        Assert.Equal([2UL, 3UL], _machine.State.Members.Members.Select(m => m.Id));
        Assert.Null(_machine.State.ApplyConfChange(_machine.NextIndex(), 1, Array.Empty<ConfChange>(), "left"u8.ToArray()).Error);
        Assert.Equal("left"u8.ToArray(), _machine.State.ConfState.ToArray());
    }

    [Fact]
    public void Contexts_of_several_changes_come_back_as_they_were()
    {
        byte[] first = MemberJson.WriteContext(new Member { Id = 7, PeerUrls = ["http://a"] });
        IReadOnlyList<byte[]> read = MemberJson.ReadContexts(MemberJson.WriteContexts([first, "null"u8.ToArray()]));
        Assert.Equal(2, read.Count);
        Assert.Equal(7UL, MemberJson.ReadContext(read[0]).Member.Id);
        Assert.Throws<System.Text.Json.JsonException>(() => MemberJson.ReadContexts("{}"u8.ToArray()));
    }

    [Fact]
    public void A_member_lives_and_never_comes_back()
    {
        Add(1, "http://a");
        Add(2, "http://b", learner: true);
        Assert.Null(Apply(Change(ConfChangeType.ConfChangeAddNode, 2, promote: true)).Error);
        Assert.Null(Apply(Change(ConfChangeType.ConfChangeUpdateNode, 2, "http://c")).Error);
        _machine.Apply(new InternalRaftRequest
        {
            ClusterMemberAttrSet = new ClusterMemberAttrSetRequest
            {
                MemberID = 2, MemberAttributes = new Attributes { Name = "n2", ClientUrls = { "http://client" } },
            },
        });
        Member member = _machine.State.Members.Find(2)!;
        Assert.Equal(("n2", false, "http://c", "http://client"), (member.Name, member.IsLearner, member.PeerUrls.Single(), member.ClientUrls.Single()));
        Assert.Null(Apply(Change(ConfChangeType.ConfChangeRemoveNode, 2)).Error);
        Assert.Equal([1UL], _machine.State.Members.Members.Select(m => m.Id));
        Assert.Equal(EtcdError.MemberNotFound.Message, Apply(Change(ConfChangeType.ConfChangeAddNode, 2, "http://d")).Error?.Message);
        Assert.Equal([2UL], _machine.State.Members.Removed);
        Assert.Equal(1, _machine.Store.CurrentRevision);
    }

    [Fact]
    public void Old_style_requests_are_understood()
    {
        Add(0xab, "http://a");
        _machine.State.ApplyV2(_machine.NextIndex(), 1, new Request
        {
            Method = "PUT", Path = "/0/members/ab/attributes", Val = """{"name":"n","clientURLs":["http://x","http://y"]}""",
        });
        _machine.Apply(new InternalRaftRequest { V2 = new Request { Method = "PUT", Path = "/0/version", Val = "3.5.0" } });
        Assert.Equal("n", _machine.State.Members.Find(0xab)!.Name);
        Assert.Equal(2, _machine.State.Members.Find(0xab)!.ClientUrls.Count);
        Assert.Equal("3.5.0", _machine.State.Members.ClusterVersion);
        Assert.Throws<UnknownEntryException>(() => _machine.Apply(new InternalRaftRequest { V2 = new Request { Method = "PUT", Path = "/1/foo" } }));
        Assert.Throws<UnknownEntryException>(() => _machine.Apply(new InternalRaftRequest { ID = 5 }));
    }

    [Fact]
    public void Versions_and_downgrades_are_kept()
    {
        _machine.Apply(new InternalRaftRequest { ClusterVersionSet = new ClusterVersionSetRequest { Ver = "3.6.0" } });
        _machine.Apply(new InternalRaftRequest { DowngradeInfoSet = new DowngradeInfoSetRequest { Enabled = true, Ver = "3.5.0" } });
        Assert.Equal(("3.6.0", "3.5.0"), (_machine.State.Members.ClusterVersion, _machine.State.Members.DowngradeTarget));
        _machine.Apply(new InternalRaftRequest { DowngradeInfoSet = new DowngradeInfoSetRequest() });
        Assert.Null(_machine.State.Members.DowngradeTarget);
    }

    [Fact]
    public void The_context_has_the_json_of_etcd()
    {
        var member = new Member { Id = ulong.MaxValue, PeerUrls = ["http://a"], IsLearner = true };
        string json = Encoding.UTF8.GetString(MemberJson.WriteContext(member));
        Assert.Equal("""{"id":18446744073709551615,"peerURLs":["http://a"],"isLearner":true,"isPromote":false}""", json);
        Assert.Equal(ulong.MaxValue, MemberJson.ReadContext(Encoding.UTF8.GetBytes(json)).Member.Id);
    }

    [Fact]
    public void An_entry_is_applied_once()
    {
        var put = new InternalRaftRequest { Put = new PutRequest { Key = Machine.Bytes("a") } };
        Assert.NotNull(_machine.State.Apply(5, 1, put).Response);
        Assert.Equal(default, _machine.State.Apply(5, 1, put));
        Assert.Equal(default, _machine.State.Apply(4, 1, put));
        _machine.State.ApplyEmpty(6, 2);
        Assert.Equal((6UL, 2L), (_machine.State.AppliedIndex, _machine.Store.CurrentRevision));
    }

    private EtcdError? Judge(ConfChange change) => _machine.State.Members.Judge(change);

    private ApplyResult Apply(ConfChange change) => _machine.State.ApplyConfChange(_machine.NextIndex(), 1, change, new byte[] { 1 });

    private string? Add(ulong id, string url, bool learner = false) =>
        Apply(Change(learner ? ConfChangeType.ConfChangeAddLearnerNode : ConfChangeType.ConfChangeAddNode, id, url, learner)).Error?.Message;

    private static ConfChange Change(ConfChangeType type, ulong id, string? url = null, bool learner = false, bool promote = false) => new()
    {
        Type = type, NodeId = id,
        Context = ByteString.CopyFrom(MemberJson.WriteContext(
            new Member { Id = id, PeerUrls = url is null ? [] : [url], IsLearner = learner }, promote)),
    };
}
