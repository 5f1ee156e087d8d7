using EtcdNet.Protocol.Authpb;
using EtcdNet.Protocol.Etcdnetpb;
using Google.Protobuf;

namespace EtcdNet.StateMachine.Auth;

/// <summary>The auth store as messages and back; users and roles as etcd stores them.</summary>
public static class AuthCodec
{
    /// <summary>The whole state, the same bytes for the same state.</summary>
    public static AuthState Write(AuthView view)
    {
        var state = new AuthState { Enabled = view.Enabled, Revision = view.Revision };
        state.Users.AddRange(view.Users.Select(Write));
        state.Roles.AddRange(view.Roles.Select(Write));
        return state;
    }

    /// <summary>One user.</summary>
    public static Protocol.Authpb.User Write(User user)
    {
        var message = new Protocol.Authpb.User
        {
            Name = ByteString.CopyFromUtf8(user.Name),
            Password = ByteString.CopyFrom(user.PasswordHash.Span),
            Options = new UserAddOptions { NoPassword = user.NoPassword },
        };
        message.Roles.AddRange(user.Roles);
        return message;
    }

    /// <summary>One role.</summary>
    public static Protocol.Authpb.Role Write(Role role)
    {
        var message = new Protocol.Authpb.Role { Name = ByteString.CopyFromUtf8(role.Name) };
        message.KeyPermission.AddRange(role.Permissions.Select(Write));
        return message;
    }

    /// <summary>One permission.</summary>
    public static Protocol.Authpb.Permission Write(Permission permission) => new()
    {
        PermType = (Protocol.Authpb.Permission.Types.Type)permission.Type,
        Key = ByteString.CopyFrom(permission.Key.Span),
        RangeEnd = ByteString.CopyFrom(permission.RangeEnd.Span),
    };

    /// <summary>One permission.</summary>
    public static Permission Read(Protocol.Authpb.Permission message) =>
        new((PermissionType)message.PermType, message.Key.Memory, message.RangeEnd.Memory);

    internal static AuthView Read(AuthState state)
    {
        AuthView empty = AuthView.Initial;
        foreach (Protocol.Authpb.Role role in state.Roles)
            empty = empty.WithRole(new Role(role.Name.ToStringUtf8(), [.. role.KeyPermission.Select(Read)]));
        foreach (Protocol.Authpb.User user in state.Users)
            empty = empty.WithUser(new User(user.Name.ToStringUtf8(), user.Password.Memory, [.. user.Roles], user.Options?.NoPassword ?? false));
        return empty.With(enabled: state.Enabled, revision: state.Revision);
    }
}
