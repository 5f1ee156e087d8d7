using System.Collections.Immutable;

namespace EtcdNet.StateMachine.Auth;

/// <summary>Somebody who can be given roles.</summary>
/// <param name="Name">Unique, not empty.</param>
/// <param name="PasswordHash">bcrypt hash as text; empty when no password can fit.</param>
/// <param name="Roles">Names of roles, in byte order. A role that does not exist gives no rights; <c>root</c> gives all.</param>
/// <param name="NoPassword">Cannot authenticate by password at all, only by certificate.</param>
public sealed record User(string Name, ReadOnlyMemory<byte> PasswordHash, ImmutableArray<string> Roles, bool NoPassword)
{
    /// <summary>True when the user may do everything.</summary>
    public bool IsRoot => Roles.Contains(AuthStore.RootName);
}
