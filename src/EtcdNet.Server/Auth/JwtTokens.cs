using System.Globalization;
using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Errors;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace EtcdNet.Server.Auth;

/// <summary>
/// JSON web tokens (RFC 7519) with the claims <c>username</c>, <c>revision</c> and <c>exp</c>. No member has to remember them; one from
/// before a change of users or permissions is refused as old, and clients ask for another one.
/// </summary>
/// <param name="options">Algorithm, key and lifetime.</param>
/// <param name="time">Clock.</param>
public sealed class JwtTokens(JwtOptions options, TimeProvider time) : ITokenProvider
{
    private const string UserClaim = "username";
    private const string RevisionClaim = "revision";

    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };
    private readonly TokenValidationParameters _rules = new()
    {
        IssuerSigningKey = options.Key,
        ValidAlgorithms = [options.Method],
        ValidateIssuer = false,
        ValidateAudience = false,
        RequireExpirationTime = false,
        LifetimeValidator = (notBefore, expires, _, _) =>
            (notBefore is null || notBefore <= time.GetUtcNow().UtcDateTime) && (expires is null || time.GetUtcNow().UtcDateTime < expires),
    };

    /// <inheritdoc/>
    public string NewPrefix() => "";

    /// <inheritdoc/>
    public string Issue(string user, ulong revision, string applied)
    {
        if (!options.CanSign)
            throw new EtcdException(Protocol.GrpcStatus.Unknown, "auth: token signing attempted with verify-only key");
        return _handler.CreateToken(new SecurityTokenDescriptor
        {
            Claims = new Dictionary<string, object> { [UserClaim] = user, [RevisionClaim] = (long)revision },
            Expires = (time.GetUtcNow() + options.Lifetime).UtcDateTime,
            SigningCredentials = new SigningCredentials(options.Key, options.Method),
        });
    }

    /// <inheritdoc/>
    public async ValueTask<Caller?> IdentifyAsync(string token, ulong revision, CancellationToken cancellation)
    {
        TokenValidationResult result = await _handler.ValidateTokenAsync(token, _rules).ConfigureAwait(false);
        if (!result.IsValid || result.SecurityToken is not JsonWebToken valid)
            return null;
        if (!valid.TryGetPayloadValue(UserClaim, out object? claimed) || claimed is not string { Length: > 0 } user)
            return null;
        return valid.TryGetPayloadValue(RevisionClaim, out double made) && made >= 0 && made <= long.MaxValue ? new Caller(user, (ulong)made) : null;
    }
}
