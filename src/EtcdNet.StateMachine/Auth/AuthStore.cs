using System.Collections.Immutable;
using System.Text;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.StateMachine.Auth;

/// <summary>
/// Users, roles and permissions, and whether they count (surface 7.6). Changed on the applier's thread only; the view is read
/// from any thread. Members of etcd in the same cluster apply the same requests, so the outcomes are etcd's to the letter.
/// </summary>
public sealed class AuthStore
{
    /// <summary>Name of the user that must exist, and of the role that it must have, while authentication is on.</summary>
    public const string RootName = "root";

    private AuthView _view = AuthView.Initial;
    private bool _isBeingReplaced;

    /// <summary>Told of what concerns tokens; null for none.</summary>
    public IAuthObserver? Observer { get; set; }

    /// <summary>The present state. Any thread.</summary>
    public AuthView View => Volatile.Read(ref _view);

    /// <summary>
    /// The keys are about to become those of another state than <see cref="View"/> is of. Who asks this and then the view, after a read, and finds
    /// the view that it was admitted by, has read nothing of the other state. Any thread.
    /// </summary>
    public bool IsBeingReplaced => Volatile.Read(ref _isBeingReplaced);

    /// <summary>Called before a change can be seen, so that what was applied before it can be seen first.</summary>
    internal Action? Changing { get; set; }

    /// <exception cref="EtcdException">RootUserNotExist, RootRoleNotExist.</exception>
    internal void Enable()
    {
        if (_view.Enabled)
            return;
        User root = _view.UserOf(RootName) ?? throw EtcdError.RootUserNotExist.ToException();
        if (!root.IsRoot)
            throw EtcdError.RootRoleNotExist.ToException();
        Publish(_view.With(enabled: true));
    }

    internal void Disable()
    {
        if (!_view.Enabled)
            return;
        Observer?.OnAllInvalidated();
        Publish(_view.With(enabled: false, revision: _view.Revision + 1));
    }

    /// <summary>
    /// The answer to a password that the proposer has checked. A token is the proposer's random letters and the index of the
    /// entry, so that each is unique.
    /// </summary>
    /// <exception cref="EtcdException">AuthNotEnabled, AuthFailed.</exception>
    internal string Authenticate(ulong index, InternalAuthenticateRequest request)
    {
        if (!_view.Enabled)
            throw EtcdError.AuthNotEnabled.ToException();
        if (_view.UserOf(request.Name) is not { NoPassword: false })
            throw EtcdError.AuthFailed.ToException();
        string token = $"{request.SimpleToken}.{index}";
        if (request.SimpleToken.Length > 0)
            Observer?.OnAuthenticated(index, request.Name, token);
        return token;
    }

    /// <exception cref="EtcdException">UserEmpty, UserAlreadyExist, or the hash is none.</exception>
    internal void AddUser(AuthUserAddRequest request)
    {
        if (request.Name.Length == 0)
            throw EtcdError.UserEmpty.ToException();
        if (_view.UserOf(request.Name) is not null)
            throw EtcdError.UserAlreadyExist.ToException();
        bool noPassword = request.Options?.NoPassword ?? false;
        ReadOnlyMemory<byte> hash = noPassword ? default : HashOf(request.Password, request.HashedPassword);
        Publish(_view.WithUser(new User(request.Name, hash, [], noPassword)));
    }

    /// <exception cref="EtcdException">InvalidAuthMgmt, UserNotFound.</exception>
    internal void DeleteUser(string name)
    {
        if (_view.Enabled && name == RootName)
            throw EtcdError.InvalidAuthMgmt.ToException();
        RequireUser(name);
        Observer?.OnUserInvalidated(name);
        Publish(_view.WithoutUser(name));
    }

    /// <exception cref="EtcdException">UserNotFound, or the hash is none.</exception>
    internal void ChangePassword(AuthUserChangePasswordRequest request)
    {
        User user = RequireUser(request.Name);
        ReadOnlyMemory<byte> hash = user.NoPassword ? default : HashOf(request.Password, request.HashedPassword);
        Observer?.OnUserInvalidated(request.Name);
        Publish(_view.WithUser(user with { PasswordHash = hash }));
    }

    /// <summary>Gives a user a role; one that it has already is no change. The role root need not exist.</summary>
    /// <exception cref="EtcdException">UserNotFound, RoleNotFound.</exception>
    internal void GrantRole(string name, string role)
    {
        User user = RequireUser(name);
        if (role != RootName)
            RequireRole(role);
        if (!user.Roles.Contains(role))
            Publish(_view.WithUser(user with { Roles = user.Roles.Add(role).Sort(Utf8Order.Instance) }));
    }

    /// <exception cref="EtcdException">InvalidAuthMgmt, UserNotFound, RoleNotGranted.</exception>
    internal void RevokeRole(string name, string role)
    {
        if (_view.Enabled && name == RootName && role == RootName)
            throw EtcdError.InvalidAuthMgmt.ToException();
        User user = RequireUser(name);
        if (!user.Roles.Contains(role))
            throw EtcdError.RoleNotGranted.ToException();
        Publish(_view.WithUser(user with { Roles = user.Roles.Remove(role) }));
    }

    /// <exception cref="EtcdException">RoleEmpty, RoleAlreadyExist.</exception>
    internal void AddRole(string name)
    {
        if (name.Length == 0)
            throw EtcdError.RoleEmpty.ToException();
        if (_view.RoleOf(name) is not null)
            throw EtcdError.RoleAlreadyExist.ToException();
        Publish(_view.WithRole(new Role(name, [])));
    }

    /// <summary>Deletes a role, and takes it from everybody who has it.</summary>
    /// <exception cref="EtcdException">InvalidAuthMgmt, RoleNotFound.</exception>
    internal void DeleteRole(string name)
    {
        if (_view.Enabled && name == RootName)
            throw EtcdError.InvalidAuthMgmt.ToException();
        RequireRole(name);
        Publish(_view.WithoutRole(name));
    }

    /// <summary>
    /// Adds a permission, or changes the type of the one for the same range. Of several ranges with one first key only the first is
    /// compared, as in etcd: a later one is added once more, and then the wider type of the two holds.
    /// </summary>
    /// <exception cref="EtcdException">PermissionNotGiven, InvalidAuthMgmt, RoleNotFound.</exception>
    internal void GrantPermission(string name, Permission? granted)
    {
        if (granted is null)
            throw EtcdError.PermissionNotGiven.ToException();
        if (!Permission.IsRange(granted.Key.Span, granted.RangeEnd.Span))
            throw EtcdError.InvalidAuthMgmt.ToException();
        ImmutableArray<Permission> permissions = RequireRole(name).Permissions;
        int first = 0;
        while (first < permissions.Length && permissions[first].Key.Span.SequenceCompareTo(granted.Key.Span) < 0)
            first++;
        if (first < permissions.Length && permissions[first].IsFor(granted.Key.Span, granted.RangeEnd.Span))
        {
            Publish(_view.WithRole(new Role(name, permissions.SetItem(first, granted))));
            return;
        }
        int after = first;
        while (after < permissions.Length && permissions[after].Key.Span.SequenceEqual(granted.Key.Span))
            after++;
        Publish(_view.WithRole(new Role(name, permissions.Insert(after, granted))));
    }

    /// <exception cref="EtcdException">RoleNotFound, PermissionNotGranted.</exception>
    internal void RevokePermission(AuthRoleRevokePermissionRequest request)
    {
        ImmutableArray<Permission> permissions = RequireRole(request.Role).Permissions;
        ImmutableArray<Permission> left = permissions.RemoveAll(permission => permission.IsFor(request.Key.Span, request.RangeEnd.Span));
        if (left.Length == permissions.Length)
            throw EtcdError.PermissionNotGranted.ToException();
        Publish(_view.WithRole(new Role(request.Role, left)));
    }

    /// <exception cref="EtcdException">UserNotFound.</exception>
    internal User RequireUser(string name) => _view.UserOf(name) ?? throw EtcdError.UserNotFound.ToException();

    /// <exception cref="EtcdException">RoleNotFound.</exception>
    internal Role RequireRole(string name) => _view.RoleOf(name) ?? throw EtcdError.RoleNotFound.ToException();

    /// <summary>Keys are replaced now, and <see cref="Adopt"/> follows. While nobody needs rights, before and after, readers need not know.</summary>
    internal void BeginAdopting(AuthView view) => Volatile.Write(ref _isBeingReplaced, _view.Enabled || view.Enabled);

    /// <summary>Takes over a state that was restored or received.</summary>
    internal void Adopt(AuthView view)
    {
        Observer?.OnAllInvalidated();
        Publish(view);
        Volatile.Write(ref _isBeingReplaced, false);
    }

    private void Publish(AuthView view)
    {
        Changing?.Invoke();
        Volatile.Write(ref _view, view);
    }

    /// <summary>
    /// The proposer hashes the password. A plain one comes from members before 3.5 only, each of which would make a hash of its
    /// own of it; that cannot be followed.
    /// </summary>
    private static ReadOnlyMemory<byte> HashOf(string password, string hash)
    {
        if (password.Length > 0 && hash.Length == 0)
            throw new EtcdException(GrpcStatus.Unknown, "etcdserver: passwords that members before 3.5 propose are not supported");
        byte[] bytes = new byte[Encoding.UTF8.GetMaxByteCount(hash.Length)];
        // .NET's decoder passes over blanks, Go's does not.
        return hash.AsSpan().IndexOfAny(' ', '\t') < 0 && Convert.TryFromBase64String(hash, bytes, out int length)
            ? bytes.AsMemory(0, length)
            : throw new EtcdException(GrpcStatus.Unknown, "auth: authentication failed, password was given for no password user");
    }
}
