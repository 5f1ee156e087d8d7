namespace EtcdNet.StateMachine.Auth;

/// <summary>Told of what matters to those who keep tokens; on the applier's thread, before the change can be seen.</summary>
public interface IAuthObserver
{
    /// <summary>A password was found right; the token stands for the user from now on, on every member.</summary>
    void OnAuthenticated(ulong index, string user, string token);

    /// <summary>The user is gone or has another password: its tokens are worth nothing.</summary>
    void OnUserInvalidated(string user);

    /// <summary>Authentication was switched off, or the whole state was replaced: no token is worth anything.</summary>
    void OnAllInvalidated();
}
