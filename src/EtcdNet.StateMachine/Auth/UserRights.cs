namespace EtcdNet.StateMachine.Auth;

/// <summary>What one user may do: the permissions of all of its roles, merged.</summary>
internal sealed class UserRights
{
    private readonly KeyIntervals _read;
    private readonly KeyIntervals _write;

    public UserRights(User user, IReadOnlyDictionary<string, Role> roles)
    {
        IsRoot = user.IsRoot;
        Permission[] all = [.. user.Roles.SelectMany(name => roles.TryGetValue(name, out Role? role) ? role.Permissions : [])];
        _read = new KeyIntervals(all.Where(static permission => permission.Type is PermissionType.Read or PermissionType.ReadWrite));
        _write = new KeyIntervals(all.Where(static permission => permission.Type is PermissionType.Write or PermissionType.ReadWrite));
    }

    /// <summary>Everything is allowed.</summary>
    public bool IsRoot { get; }

    public bool MayRead(ReadOnlySpan<byte> key, ReadOnlySpan<byte> rangeEnd) => IsRoot || _read.Covers(key, rangeEnd);

    public bool MayWrite(ReadOnlySpan<byte> key, ReadOnlySpan<byte> rangeEnd) => IsRoot || _write.Covers(key, rangeEnd);
}
