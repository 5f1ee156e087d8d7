using System.Globalization;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Server.Auth;

/// <summary>
/// What <c>--auth-token</c> says: <c>simple</c>, or <c>jwt</c> with <c>sign-method=</c>, <c>pub-key=FILE</c>, <c>priv-key=FILE</c> and
/// <c>ttl=</c> (Go duration), separated by commas.
/// </summary>
public sealed record TokenOptions
{
    /// <summary>What <c>--auth-token-ttl 0</c> means, as in etcd.</summary>
    public static readonly TimeSpan LifetimeDefault = TimeSpan.FromSeconds(300);

    /// <summary>Null for simple tokens.</summary>
    public JwtOptions? Jwt { get; init; }

    /// <summary>How long an unused simple token lives.</summary>
    public TimeSpan SimpleLifetime { get; init; } = LifetimeDefault;

    /// <summary>Reads the text of the flag; the files that it names are read too.</summary>
    /// <param name="text">The flag.</param>
    /// <param name="simpleLifetimeSeconds"><c>--auth-token-ttl</c>.</param>
    /// <param name="duration">Reads a Go duration; null when it is none.</param>
    /// <exception cref="FormatException">Says what is wrong.</exception>
    public static TokenOptions Parse(string text, long simpleLifetimeSeconds, Func<string, TimeSpan?> duration)
    {
        string[] parts = text.Split(',');
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string part in parts.Skip(1))
        {
            string[] pair = part.Split('=');
            if (pair.Length != 2)
                throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"invalid token option \"{part}\": it must be name=value"));
            if (!options.TryAdd(pair[0], pair[1]))
                throw new FormatException($"invalid token option \"{pair[0]}\": it is given twice");
        }
        return parts[0] switch
        {
            "simple" => new TokenOptions
            {
                SimpleLifetime = simpleLifetimeSeconds == 0 ? LifetimeDefault : TimeSpan.FromSeconds(Math.Min(simpleLifetimeSeconds, int.MaxValue)),
            },
            "jwt" => new TokenOptions { Jwt = JwtOptions.Parse(options, duration) },
            _ => throw new FormatException($"unknown token type \"{parts[0]}\": it must be simple or jwt"),
        };
    }

    internal ITokenProvider Make(IReadIndexGate reads, Func<ulong> appliedIndex, ulong replayedUpTo, TimeProvider time) =>
        Jwt is { } jwt ? new JwtTokens(jwt, time) : new SimpleTokens(SimpleLifetime, reads, appliedIndex, replayedUpTo, time);
}
