using System.Collections.Concurrent;
using System.Collections.Immutable;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.StateMachine.Auth;

/// <summary>
/// Users, roles and the switch at one revision of the auth store; never changes. All checks of one decision are made with
/// one view. While authentication is off everything is allowed.
/// </summary>
public sealed class AuthView
{
    private readonly ConcurrentDictionary<string, UserRights> _rights = new(StringComparer.Ordinal);
    private readonly ImmutableDictionary<string, User> _users;
    private readonly ImmutableDictionary<string, Role> _roles;

    internal AuthView(bool enabled, ulong revision, ImmutableDictionary<string, User> users, ImmutableDictionary<string, Role> roles)
    {
        Enabled = enabled;
        Revision = revision;
        _users = users;
        _roles = roles;
    }

    /// <summary>Nobody and nothing; etcd's auth store begins with revision 1.</summary>
    public static AuthView Initial { get; } = new(
        false, 1, ImmutableDictionary.Create<string, User>(StringComparer.Ordinal), ImmutableDictionary.Create<string, Role>(StringComparer.Ordinal));

    /// <summary>Requests need a user.</summary>
    public bool Enabled { get; }

    /// <summary>Grows with every change of users, roles and permissions, and when authentication is switched off.</summary>
    public ulong Revision { get; }

    /// <summary>All users, by name in byte order.</summary>
    public IEnumerable<User> Users => _users.Values.OrderBy(static user => user.Name, Utf8Order.Instance);

    /// <summary>All roles, by name in byte order.</summary>
    public IEnumerable<Role> Roles => _roles.Values.OrderBy(static role => role.Name, Utf8Order.Instance);

    /// <summary>The user of a name, or null.</summary>
    public User? UserOf(string name) => _users.GetValueOrDefault(name);

    /// <summary>The role of a name, or null.</summary>
    public Role? RoleOf(string name) => _roles.GetValueOrDefault(name);

    /// <summary>True when the caller may administer the cluster, or authentication is off.</summary>
    public bool IsAdmin(Caller caller) => !Enabled || _users.GetValueOrDefault(caller.Name) is { IsRoot: true };

    /// <summary>Demands somebody with the role root. The revision does not matter, as in etcd.</summary>
    /// <exception cref="EtcdException">UserEmpty, UserNotFound, PermissionDenied.</exception>
    public void CheckAdmin(Caller caller)
    {
        if (!Enabled)
            return;
        if (caller.Name.Length == 0)
            throw EtcdError.UserEmpty.ToException();
        User user = _users.GetValueOrDefault(caller.Name) ?? throw EtcdError.UserNotFound.ToException();
        if (!user.IsRoot)
            throw EtcdError.PermissionDenied.ToException();
    }

    /// <summary>Demands the right to read every key of a range (conventions of <see cref="Permission"/>).</summary>
    /// <exception cref="EtcdException">UserEmpty, AuthOldRevision, PermissionDenied.</exception>
    public void CheckRead(Caller caller, ReadOnlySpan<byte> key, ReadOnlySpan<byte> rangeEnd)
    {
        if (Enabled && !RightsOf(caller).MayRead(key, rangeEnd))
            throw EtcdError.PermissionDenied.ToException();
    }

    /// <summary>Demands the right to write every key of a range.</summary>
    /// <exception cref="EtcdException">UserEmpty, AuthOldRevision, PermissionDenied.</exception>
    public void CheckWrite(Caller caller, ReadOnlySpan<byte> key, ReadOnlySpan<byte> rangeEnd)
    {
        if (Enabled && !RightsOf(caller).MayWrite(key, rangeEnd))
            throw EtcdError.PermissionDenied.ToException();
    }

    internal AuthView With(bool? enabled = null, ulong? revision = null, ImmutableDictionary<string, User>? users = null, ImmutableDictionary<string, Role>? roles = null) =>
        new(enabled ?? Enabled, revision ?? Revision, users ?? _users, roles ?? _roles);

    internal AuthView WithUser(User user) => With(revision: Revision + 1, users: _users.SetItem(user.Name, user));

    internal AuthView WithoutUser(string name) => With(revision: Revision + 1, users: _users.Remove(name));

    internal AuthView WithRole(Role role) => With(revision: Revision + 1, roles: _roles.SetItem(role.Name, role));

    internal AuthView WithoutRole(string name)
    {
        ImmutableDictionary<string, User> users = _users;
        foreach (User user in _users.Values)
        {
            if (user.Roles.Contains(name))
                users = users.SetItem(user.Name, user with { Roles = user.Roles.Remove(name) });
        }
        return With(revision: Revision + 1, users: users, roles: _roles.Remove(name));
    }

    private UserRights RightsOf(Caller caller)
    {
        if (caller.Revision == 0)
            throw EtcdError.UserEmpty.ToException();
        if (caller.Revision < Revision)
            throw EtcdError.AuthOldRevision.ToException();
        if (_rights.TryGetValue(caller.Name, out UserRights? known))
            return known;
        if (!_users.TryGetValue(caller.Name, out User? user))
            throw EtcdError.PermissionDenied.ToException();
        return _rights.GetOrAdd(caller.Name, new UserRights(user, _roles));
    }
}
