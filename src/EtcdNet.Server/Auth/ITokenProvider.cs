using EtcdNet.StateMachine.Auth;

namespace EtcdNet.Server.Auth;

/// <summary>The kind of tokens that stand for users (<c>--auth-token</c>).</summary>
public interface ITokenProvider
{
    /// <summary>The random part of the next token, for the entry that makes it known to every member; empty for tokens that carry everything in them.</summary>
    string NewPrefix();

    /// <summary>The token that a user gets whose password was right at a revision of the auth store.</summary>
    /// <param name="user">Name of the user.</param>
    /// <param name="revision">Revision of the auth store.</param>
    /// <param name="applied">What the entry made of the prefix.</param>
    /// <exception cref="StateMachine.Errors.EtcdException">This member can only verify tokens.</exception>
    string Issue(string user, ulong revision, string applied);

    /// <summary>Who a token stands for; null when for nobody (any more).</summary>
    ValueTask<Caller?> IdentifyAsync(string token, ulong revision, CancellationToken cancellation);
}
