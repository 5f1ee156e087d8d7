using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Errors;
using static EtcdNet.StateMachine.Tests.Auth.AuthMachine;

namespace EtcdNet.StateMachine.Tests.Auth;

/// <summary>What whom is allowed when a write is applied (surface rules 44 and 45).</summary>
public sealed class PermissionTests
{
    private static readonly string s_denied = EtcdError.PermissionDenied.Message;
    private readonly AuthMachine _machine = new();

    [Fact]
    public void Writes_need_the_right_to_write_and_prev_kv_the_right_to_read()
    {
        Assert.Null(_machine.As("bob", Put("b1", previous: true)));
        Assert.Equal(s_denied, _machine.As("bob", Put("a")));
        Assert.Equal(s_denied, _machine.As("bob", Put("r")));
        Assert.Null(_machine.As("bob", Delete("b", "c", previous: true)));
        Assert.Equal(s_denied, _machine.As("bob", Delete("b", "d")));
        Assert.Equal(s_denied, _machine.As("bob", Delete("b", "\0")));
        _machine.Grant("b", Protocol.Authpb.Permission.Types.Type.Write, "w", "");
        Assert.Null(_machine.As("bob", Put("w")));
        Assert.Equal(s_denied, _machine.As("bob", Put("w", previous: true)));
        Assert.Equal(s_denied, _machine.As("bob", Delete("w", previous: true)));
    }

    [Fact]
    public void Who_is_nobody_may_nothing_and_an_old_revision_counts_for_nothing()
    {
        Assert.Equal(EtcdError.UserEmpty.Message, _machine.As("", Put("b1")));
        Assert.Equal(EtcdError.AuthOldRevision.Message, _machine.As("bob", Put("b1"), _machine.Auth.View.Revision - 1));
        Assert.Equal(s_denied, _machine.As("nobody", Put("b1")));
        Assert.Null(_machine.As("root", Put("anything")));
    }

    [Fact]
    public void New_rights_are_not_seen_before_the_changes_of_keys_that_came_before_them()
    {
        foreach (InternalRaftRequest change in (InternalRaftRequest[])[
            new InternalRaftRequest { AuthUserGrantRole = new AuthUserGrantRoleRequest { User = "bob", Role = "root" } },
            new InternalRaftRequest { AuthDisable = new AuthDisableRequest() }])
        {
            Assert.Null(_machine.As("root", Put("gone")));
            _machine.Machine.State.BeginBatch();
            Assert.Null(_machine.As("root", Delete("gone")));
            AuthView before = _machine.Auth.View;
            Assert.Equal(1, Count("gone"));
            Assert.Null(_machine.As("root", change));
            Assert.NotSame(before, _machine.Auth.View);
            Assert.Equal(0, Count("gone"));
            Assert.Null(_machine.As("root", Put("after")));
            Assert.Equal(0, Count("after"));
            _machine.Machine.State.EndBatch();
            Assert.Equal(1, Count("after"));
            Assert.Null(_machine.As("root", Delete("after")));
        }

        long Count(string key) => _machine.Machine.Store.Range(new RangeRequest { Key = Machine.Bytes(key) }).Count;
    }

    [Theory]
    [InlineData("compare")]
    [InlineData("success")]
    [InlineData("failure")]
    [InlineData("nested compare")]
    [InlineData("nested failure")]
    [InlineData("nested delete with previous")]
    public void A_transaction_is_judged_in_every_corner_whichever_branch_is_taken(string where)
    {
        Assert.Null(_machine.As("bob", new InternalRaftRequest { Txn = Txn("none") }));
        Assert.Equal(s_denied, _machine.As("bob", new InternalRaftRequest { Txn = Txn(where) }));
        Assert.Null(_machine.As("root", new InternalRaftRequest { Txn = Txn(where) }));
    }

    [Fact]
    public void A_lease_with_a_foreign_key_can_neither_be_used_nor_ended()
    {
        Assert.Null(_machine.As("bob", Grant(1)));
        Assert.Null(_machine.As("bob", Put("b1", lease: 1)));
        Assert.Null(_machine.As("root", Put("secret", lease: 1)));
        Assert.Equal(s_denied, _machine.As("bob", Put("b2", lease: 1)));
        Assert.Equal(s_denied, _machine.As("bob", Revoke(1)));
        Assert.Equal(EtcdError.UserEmpty.Message, _machine.As("", Revoke(1)));
        Assert.Null(_machine.As("root", Revoke(1)));
        Assert.Null(_machine.As("bob", Grant(2)));
        Assert.Null(_machine.As("bob", Put("b1", lease: 2)));
        Assert.Null(_machine.As("bob", Revoke(2)));
    }

    [Fact]
    public void Users_and_roles_are_the_business_of_root_except_ones_own()
    {
        InternalRaftRequest[] requests =
        [
            new() { AuthUserAdd = User("eve") }, new() { AuthUserDelete = new AuthUserDeleteRequest { Name = "bob" } },
            new() { AuthUserChangePassword = new AuthUserChangePasswordRequest { Name = "bob" } }, new() { AuthUserList = new AuthUserListRequest() },
            new() { AuthUserGrantRole = new AuthUserGrantRoleRequest { User = "bob", Role = "root" } },
            new() { AuthUserRevokeRole = new AuthUserRevokeRoleRequest { Name = "bob", Role = "b" } },
            new() { AuthRoleAdd = new AuthRoleAddRequest { Name = "x" } }, new() { AuthRoleDelete = new AuthRoleDeleteRequest { Role = "b" } },
            new() { AuthRoleList = new AuthRoleListRequest() }, new() { AuthRoleGet = new AuthRoleGetRequest { Role = "root" } },
            new() { AuthRoleGrantPermission = new AuthRoleGrantPermissionRequest { Name = "b" } },
            new() { AuthRoleRevokePermission = new AuthRoleRevokePermissionRequest { Role = "b" } },
            new() { AuthUserGet = new AuthUserGetRequest { Name = "root" } }, new() { AuthStatus = new AuthStatusRequest() },
            new() { AuthEnable = new AuthEnableRequest() }, new() { AuthDisable = new AuthDisableRequest() },
        ];
        ulong revision = _machine.Auth.View.Revision;
        foreach (InternalRaftRequest request in requests)
        {
            Assert.Equal(s_denied, _machine.As("bob", request.Clone()));
            Assert.Equal(EtcdError.UserEmpty.Message, _machine.As("", request.Clone()));
            Assert.Equal(EtcdError.UserNotFound.Message, _machine.As("nobody", request.Clone()));
        }
        Assert.Equal(revision, _machine.Auth.View.Revision);
        Assert.Null(_machine.As("bob", new InternalRaftRequest { AuthUserGet = new AuthUserGetRequest { Name = "bob" } }));
        Assert.Null(_machine.As("bob", new InternalRaftRequest { AuthRoleGet = new AuthRoleGetRequest { Role = "b" } }));
    }

    [Fact]
    public void Every_kind_of_request_is_known_to_the_rules()
    {
        // A request that is added to the protocol must be thought about here.
        string[] needAdmin = [.. InternalRaftRequest.Descriptor.Fields.InDeclarationOrder()
            .Where(static field => field.Name.StartsWith("auth", StringComparison.Ordinal)).Select(static field => field.Name)];
        foreach (string name in needAdmin.Except(["authenticate", "auth_user_get", "auth_role_get"]))
        {
            var request = new InternalRaftRequest();
            var field = InternalRaftRequest.Descriptor.FindFieldByName(name);
            field.Accessor.SetValue(request, field.MessageType.Parser.ParseFrom([]));
            Assert.True(EtcdNet.StateMachine.Auth.RequestPermissions.NeedAdmin(request), name);
        }
        Assert.Equal(33, InternalRaftRequest.Descriptor.Fields.InDeclarationOrder().Count);
    }

    [Fact]
    public void While_it_is_off_everything_is_allowed()
    {
        var off = new AuthMachine(enabled: false);
        Assert.Null(off.As("", Put("anything")));
        Assert.Null(off.As("", new InternalRaftRequest { AuthUserList = new AuthUserListRequest() }));
        Assert.Equal(EtcdError.AuthNotEnabled.Message, off.As("", new InternalRaftRequest { Authenticate = new InternalAuthenticateRequest { Name = "root", SimpleToken = "x" } }));
    }

    private static InternalRaftRequest Grant(long id) => new() { LeaseGrant = new LeaseGrantRequest { ID = id, TTL = 60 } };

    private static InternalRaftRequest Revoke(long id) => new() { LeaseRevoke = new LeaseRevokeRequest { ID = id } };

    private static TxnRequest Txn(string where)
    {
        var foreign = new RequestOp { RequestPut = new PutRequest { Key = Machine.Bytes("foreign") } };
        var inner = new TxnRequest();
        var txn = new TxnRequest();
        txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Machine.Bytes("b1") } });
        txn.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = Machine.Bytes("r") } });
        txn.Failure.Add(new RequestOp { RequestTxn = inner });
        switch (where)
        {
            case "compare":
                txn.Compare.Add(new Compare { Key = Machine.Bytes("b"), RangeEnd = Machine.Bytes("d") });
                break;
            case "success":
                txn.Success.Add(foreign);
                break;
            case "failure":
                txn.Failure.Add(foreign);
                break;
            case "nested compare":
                inner.Compare.Add(new Compare { Key = Machine.Bytes("foreign") });
                break;
            case "nested failure":
                inner.Failure.Add(foreign);
                break;
            case "nested delete with previous":
                inner.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Machine.Bytes("foreign"), PrevKv = true } });
                break;
        }
        return txn;
    }
}
