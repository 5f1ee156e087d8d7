using EtcdNet.Protocol.Authpb;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Auth;

namespace EtcdNet.StateMachine.Tests.Auth;

/// <summary>A state machine with root and bob, whose role may read and write [b, c) and read r; switched on when asked.</summary>
internal sealed class AuthMachine
{
    public AuthMachine(bool enabled = true)
    {
        Machine.Do<AuthUserAddResponse>(new InternalRaftRequest { AuthUserAdd = User("root") });
        Machine.Do<AuthRoleAddResponse>(new InternalRaftRequest { AuthRoleAdd = new AuthRoleAddRequest { Name = "root" } });
        Machine.Do<AuthUserGrantRoleResponse>(new InternalRaftRequest { AuthUserGrantRole = new AuthUserGrantRoleRequest { User = "root", Role = "root" } });
        Machine.Do<AuthUserAddResponse>(new InternalRaftRequest { AuthUserAdd = User("bob") });
        Machine.Do<AuthRoleAddResponse>(new InternalRaftRequest { AuthRoleAdd = new AuthRoleAddRequest { Name = "b" } });
        Grant("b", Protocol.Authpb.Permission.Types.Type.Readwrite, "b", "c");
        Grant("b", Protocol.Authpb.Permission.Types.Type.Read, "r", "");
        Machine.Do<AuthUserGrantRoleResponse>(new InternalRaftRequest { AuthUserGrantRole = new AuthUserGrantRoleRequest { User = "bob", Role = "b" } });
        if (enabled)
            Machine.Do<AuthEnableResponse>(new InternalRaftRequest { AuthEnable = new AuthEnableRequest() });
    }

    public Machine Machine { get; } = new();

    public AuthStore Auth => Machine.State.Auth;

    public static AuthUserAddRequest User(string name) => new() { Name = name, HashedPassword = Convert.ToBase64String("hash"u8) };

    /// <summary>Applies a request of a user; gives the text of the error, or null.</summary>
    public string? As(string user, InternalRaftRequest request, ulong? revision = null)
    {
        request.Header = new RequestHeader { Username = user, AuthRevision = revision ?? (user.Length == 0 ? 0 : Auth.View.Revision) };
        return Machine.Apply(request).Error?.Message;
    }

    public void Grant(string role, Protocol.Authpb.Permission.Types.Type type, string key, string rangeEnd)
    {
        var permission = new Protocol.Authpb.Permission { PermType = type, Key = Machine.Bytes(key), RangeEnd = Machine.Bytes(rangeEnd) };
        Assert.Null(As("root", new InternalRaftRequest { AuthRoleGrantPermission = new AuthRoleGrantPermissionRequest { Name = role, Perm = permission } }));
    }

    public static InternalRaftRequest Put(string key, long lease = 0, bool previous = false) =>
        new() { Put = new PutRequest { Key = Machine.Bytes(key), Lease = lease, PrevKv = previous } };

    public static InternalRaftRequest Delete(string key, string rangeEnd = "", bool previous = false) =>
        new() { DeleteRange = new DeleteRangeRequest { Key = Machine.Bytes(key), RangeEnd = Machine.Bytes(rangeEnd), PrevKv = previous } };
}
