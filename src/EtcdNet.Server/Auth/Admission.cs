using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Auth;

/// <summary>By what a read was admitted.</summary>
/// <param name="Auth">The users and permissions that it was judged by.</param>
/// <param name="Caller">Who reads.</param>
public readonly record struct Admission(AuthView Auth, Caller Caller)
{
    /// <summary>Demands any user, if users are needed.</summary>
    /// <exception cref="EtcdException">UserEmpty.</exception>
    internal void RequireUser()
    {
        if (Auth.Enabled && Caller.IsNobody)
            throw EtcdError.UserEmpty.ToException();
    }
}
