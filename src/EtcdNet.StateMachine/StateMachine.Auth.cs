using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Auth;
using Google.Protobuf;

namespace EtcdNet.StateMachine;

/// <summary>Requests about users, roles and permissions. Reads of them go through the log as well, as in etcd.</summary>
public sealed partial class StateMachine
{
    private ApplyResult? DispatchAuth(ulong index, Caller caller, InternalRaftRequest request)
    {
        IMessage? answer = AnswerSwitch(index, request) ?? AnswerUser(caller, request) ?? AnswerRole(caller, request);
        return answer is null ? null : ApplyResult.Of(answer);
    }

    private IMessage? AnswerSwitch(ulong index, InternalRaftRequest request)
    {
        if (request.Authenticate is { } authenticate)
            return new AuthenticateResponse { Header = Header(), Token = Auth.Authenticate(index, authenticate) };
        if (request.AuthEnable is not null)
        {
            Auth.Enable();
            return new AuthEnableResponse { Header = Header() };
        }
        if (request.AuthDisable is not null)
        {
            Auth.Disable();
            return new AuthDisableResponse { Header = Header() };
        }
        return request.AuthStatus is null
            ? null
            : new AuthStatusResponse { Header = Header(), Enabled = Auth.View.Enabled, AuthRevision = Auth.View.Revision };
    }

    private IMessage? AnswerUser(Caller caller, InternalRaftRequest request)
    {
        if (request.AuthUserAdd is { } add)
        {
            Auth.AddUser(add);
            return new AuthUserAddResponse { Header = Header() };
        }
        if (request.AuthUserDelete is { } delete)
        {
            Auth.DeleteUser(delete.Name);
            return new AuthUserDeleteResponse { Header = Header() };
        }
        if (request.AuthUserChangePassword is { } change)
        {
            Auth.ChangePassword(change);
            return new AuthUserChangePasswordResponse { Header = Header() };
        }
        if (request.AuthUserGrantRole is { } grant)
        {
            Auth.GrantRole(grant.User, grant.Role);
            return new AuthUserGrantRoleResponse { Header = Header() };
        }
        if (request.AuthUserRevokeRole is { } revoke)
        {
            Auth.RevokeRole(revoke.Name, revoke.Role);
            return new AuthUserRevokeRoleResponse { Header = Header() };
        }
        if (request.AuthUserList is not null)
            return new AuthUserListResponse { Header = Header(), Users = { Auth.View.Users.Select(static user => user.Name) } };
        return request.AuthUserGet is { } get ? GetUser(caller, get.Name) : null;
    }

    private IMessage? AnswerRole(Caller caller, InternalRaftRequest request)
    {
        if (request.AuthRoleAdd is { } add)
        {
            Auth.AddRole(add.Name);
            return new AuthRoleAddResponse { Header = Header() };
        }
        if (request.AuthRoleDelete is { } delete)
        {
            Auth.DeleteRole(delete.Role);
            return new AuthRoleDeleteResponse { Header = Header() };
        }
        if (request.AuthRoleGrantPermission is { } grant)
        {
            Auth.GrantPermission(grant.Name, grant.Perm is { } permission ? AuthCodec.Read(permission) : null);
            return new AuthRoleGrantPermissionResponse { Header = Header() };
        }
        if (request.AuthRoleRevokePermission is { } revoke)
        {
            Auth.RevokePermission(revoke);
            return new AuthRoleRevokePermissionResponse { Header = Header() };
        }
        if (request.AuthRoleList is not null)
            return new AuthRoleListResponse { Header = Header(), Roles = { Auth.View.Roles.Select(static role => role.Name) } };
        return request.AuthRoleGet is { } get ? GetRole(caller, get.Role) : null;
    }

    /// <summary>Everybody may look at themselves.</summary>
    private AuthUserGetResponse GetUser(Caller caller, string name)
    {
        if (name != caller.Name)
            Auth.View.CheckAdmin(caller);
        return new AuthUserGetResponse { Header = Header(), Roles = { Auth.RequireUser(name).Roles } };
    }

    /// <summary>Everybody may look at the roles they have. What root may do is written nowhere; it is everything.</summary>
    private AuthRoleGetResponse GetRole(Caller caller, string name)
    {
        if (Auth.View.UserOf(caller.Name)?.Roles.Contains(name) != true)
            Auth.View.CheckAdmin(caller);
        Role role = Auth.RequireRole(name);
        var answer = new AuthRoleGetResponse { Header = Header() };
        if (name == AuthStore.RootName)
            answer.Perm.Add(AuthCodec.Write(new Permission(PermissionType.ReadWrite, default, new byte[] { 0 })));
        else
            answer.Perm.AddRange(role.Permissions.Select(AuthCodec.Write));
        return answer;
    }
}
