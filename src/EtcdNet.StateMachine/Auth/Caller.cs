namespace EtcdNet.StateMachine.Auth;

/// <summary>Who asks: a user name, and the revision of the auth store at which that was established (etcd: RequestHeader).</summary>
/// <param name="Name">User name; empty for nobody.</param>
/// <param name="Revision">Revision of the auth store; 0 for nobody.</param>
public readonly record struct Caller(string Name, ulong Revision)
{
    /// <summary>A request without a user.</summary>
    public static Caller Nobody => new("", 0);

    /// <summary>No user was named.</summary>
    public bool IsNobody => Name.Length == 0 && Revision == 0;
}
