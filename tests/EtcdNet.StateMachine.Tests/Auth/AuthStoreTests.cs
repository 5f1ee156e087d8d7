using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;
using static EtcdNet.StateMachine.Tests.Auth.AuthMachine;

namespace EtcdNet.StateMachine.Tests.Auth;

/// <summary>Users, roles and permissions as they are changed, and as checkpoints carry them.</summary>
public sealed class AuthStoreTests
{
    [Fact]
    public void It_cannot_be_switched_on_without_root_and_its_role()
    {
        var machine = new Machine();
        var enable = new InternalRaftRequest { AuthEnable = new AuthEnableRequest() };
        Assert.Equal(EtcdError.RootUserNotExist.Message, machine.Refused(enable.Clone()).Message);
        machine.Do<AuthUserAddResponse>(new InternalRaftRequest { AuthUserAdd = User("root") });
        Assert.Equal(EtcdError.RootRoleNotExist.Message, machine.Refused(enable.Clone()).Message);
        // The role root need not exist to be given.
        machine.Do<AuthUserGrantRoleResponse>(new InternalRaftRequest { AuthUserGrantRole = new AuthUserGrantRoleRequest { User = "root", Role = "root" } });
        machine.Do<AuthEnableResponse>(enable.Clone());
        Assert.Equal((true, 3ul), (machine.State.Auth.View.Enabled, machine.State.Auth.View.Revision));
    }

    [Fact]
    public void Every_change_makes_a_revision_and_what_changes_nothing_makes_none()
    {
        var machine = new AuthMachine();
        ulong before = machine.Auth.View.Revision;
        Assert.Null(machine.As("root", new InternalRaftRequest { AuthEnable = new AuthEnableRequest() }));
        Assert.Null(machine.As("root", new InternalRaftRequest { AuthUserGrantRole = new AuthUserGrantRoleRequest { User = "bob", Role = "b" } }));
        Assert.Null(machine.As("root", new InternalRaftRequest { AuthUserList = new AuthUserListRequest() }));
        Assert.Equal(before, machine.Auth.View.Revision);
        machine.Grant("b", Protocol.Authpb.Permission.Types.Type.Read, "b", "c"); // the type is changed
        Assert.Equal(before + 1, machine.Auth.View.Revision);
        Assert.Equal(2, machine.Auth.View.RoleOf("b")!.Permissions.Length);
        Assert.Equal(EtcdError.PermissionDenied.Message, machine.As("bob", Put("b1")));
        Assert.Null(machine.As("root", new InternalRaftRequest { AuthDisable = new AuthDisableRequest() }));
        Assert.Equal((before + 2, false), (machine.Auth.View.Revision, machine.Auth.View.Enabled));
    }

    [Fact]
    public void Root_and_its_role_stay_while_it_is_on()
    {
        var machine = new AuthMachine();
        InternalRaftRequest[] forbidden =
        [
            new() { AuthUserDelete = new AuthUserDeleteRequest { Name = "root" } },
            new() { AuthUserRevokeRole = new AuthUserRevokeRoleRequest { Name = "root", Role = "root" } },
            new() { AuthRoleDelete = new AuthRoleDeleteRequest { Role = "root" } },
        ];
        foreach (InternalRaftRequest request in forbidden)
            Assert.Equal(EtcdError.InvalidAuthMgmt.Message, machine.As("root", request));
    }

    [Fact]
    public void A_deleted_role_is_taken_from_all_who_have_it()
    {
        var machine = new AuthMachine();
        Assert.Null(machine.As("root", new InternalRaftRequest { AuthRoleDelete = new AuthRoleDeleteRequest { Role = "b" } }));
        Assert.Empty(machine.Auth.View.UserOf("bob")!.Roles);
        Assert.Equal(EtcdError.PermissionDenied.Message, machine.As("bob", Put("b1")));
    }

    [Fact]
    public void Those_who_keep_tokens_hear_of_what_ends_them()
    {
        var machine = new AuthMachine();
        var heard = new Listener();
        machine.Auth.Observer = heard;
        Assert.Null(machine.As("", new InternalRaftRequest { Authenticate = new InternalAuthenticateRequest { Name = "bob", SimpleToken = "abc" } }));
        Assert.Null(machine.As("root", new InternalRaftRequest { AuthUserChangePassword = new AuthUserChangePasswordRequest { Name = "bob" } }));
        Assert.Null(machine.As("root", new InternalRaftRequest { AuthUserDelete = new AuthUserDeleteRequest { Name = "bob" } }));
        Assert.Equal(EtcdError.AuthFailed.Message, machine.As("", new InternalRaftRequest { Authenticate = new InternalAuthenticateRequest { Name = "bob", SimpleToken = "d" } }));
        Assert.Null(machine.As("root", new InternalRaftRequest { AuthDisable = new AuthDisableRequest() }));
        ulong index = machine.Machine.State.ConsistentIndex;
        Assert.Equal([$"token abc.{index - 4} of bob", "bob ended", "bob ended", "all ended"], heard.Heard);
    }

    [Fact]
    public void Checkpoints_and_adopted_states_carry_everything()
    {
        var machine = new AuthMachine();
        Assert.Null(machine.As("root", new InternalRaftRequest { AuthUserAdd = new AuthUserAddRequest { Name = "ü", Options = new Protocol.Authpb.UserAddOptions { NoPassword = true } } }));
        var again = new Machine(machine.Machine.Backend, machine.Machine.State.Capture());
        AuthView before = machine.Auth.View, after = again.State.Auth.View;
        Assert.Equal(AuthCodec.Write(before), AuthCodec.Write(after));
        Assert.Equal(machine.Machine.State.Hash(), again.State.Hash());
        Assert.Equal(["bob", "root", "ü"], after.Users.Select(static user => user.Name));
        Assert.True(after.UserOf("ü")!.NoPassword);
        Assert.Equal("hash"u8.ToArray(), after.UserOf("bob")!.PasswordHash.ToArray());

        var behind = new Machine();
        var heard = new Listener();
        behind.State.Auth.Observer = heard;
        behind.State.Adopt(again.State);
        Assert.Equal(AuthCodec.Write(before), AuthCodec.Write(behind.State.Auth.View));
        Assert.Equal(["all ended"], heard.Heard);
    }

    [Fact]
    public void Names_are_listed_in_the_order_of_their_bytes()
    {
        var machine = new Machine();
        foreach (string name in (string[])["\uff5e", "\U0001f600", "a", "B", "aa"])
            machine.Do<AuthUserAddResponse>(new InternalRaftRequest { AuthUserAdd = User(name) });
        AuthUserListResponse list = machine.Do<AuthUserListResponse>(new InternalRaftRequest { AuthUserList = new AuthUserListRequest() });
        Assert.Equal(["B", "a", "aa", "\uff5e", "\U0001f600"], list.Users); // UTF-16 would put the last before the one in front of it
    }

    [Fact]
    public void Names_that_are_no_text_can_be_applied()
    {
        // etcd's own members may let them through. Two of them become one name here; nothing worse may happen.
        byte[] entry = new InternalRaftRequest { AuthUserAdd = User("x") }.ToByteArray();
        entry[entry.AsSpan().IndexOf((byte)'x')] = 0xff;
        InternalRaftRequest request = InternalRaftRequest.Parser.ParseFrom(entry);
        var machine = new Machine();
        machine.Do<AuthUserAddResponse>(request);
        Assert.Equal(["\ufffd"], machine.State.Auth.View.Users.Select(static user => user.Name));
        var again = new Machine(machine.Backend, machine.State.Capture());
        Assert.Equal(machine.State.Hash(), again.State.Hash());
    }

    [Theory]
    [InlineData("YW Jj")]
    [InlineData("YW\tJj")]
    [InlineData("YWJ")]
    [InlineData("?")]
    public void What_is_no_hash_in_base64_is_refused(string hash)
    {
        var machine = new Machine();
        Assert.Equal("auth: authentication failed, password was given for no password user",
            machine.Refused(new InternalRaftRequest { AuthUserAdd = new AuthUserAddRequest { Name = "a", HashedPassword = hash } }).Message);
        Assert.Empty(machine.State.Auth.View.Users);
    }

    private sealed class Listener : IAuthObserver
    {
        public List<string> Heard { get; } = [];

        public void OnAuthenticated(ulong index, string user, string token) => Heard.Add($"token {token} of {user}");

        public void OnUserInvalidated(string user) => Heard.Add($"{user} ended");

        public void OnAllInvalidated() => Heard.Add("all ended");
    }
}
