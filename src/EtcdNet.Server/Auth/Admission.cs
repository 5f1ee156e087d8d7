using EtcdNet.StateMachine.Auth;

namespace EtcdNet.Server.Auth;

/// <summary>By what a read was admitted.</summary>
/// <param name="Auth">The users and permissions that it was judged by.</param>
/// <param name="Caller">Who reads.</param>
public readonly record struct Admission(AuthView Auth, Caller Caller);
