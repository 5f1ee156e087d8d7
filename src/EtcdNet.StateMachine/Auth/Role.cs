using System.Collections.Immutable;

namespace EtcdNet.StateMachine.Auth;

/// <summary>A named list of permissions.</summary>
/// <param name="Name">Unique, not empty.</param>
/// <param name="Permissions">In byte order of the first key.</param>
public sealed record Role(string Name, ImmutableArray<Permission> Permissions);
