using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Auth;

namespace EtcdNet.Server.Auth;

/// <summary>
/// Tokens of sixteen letters, a dot and the index of the entry that made them (etcd: simple). Each member holds them in memory for a
/// while after their last use here; after a restart clients have to authenticate again.
/// </summary>
/// <param name="lifetime">How long an unused token lives (<c>--auth-token-ttl</c>).</param>
/// <param name="reads">Brings this member up to date when a token comes from the future.</param>
/// <param name="appliedIndex">Last entry applied here.</param>
/// <param name="replayedUpTo">Entries up to here were acknowledged before this start; their tokens may have ended since.</param>
/// <param name="time">Clock.</param>
public sealed class SimpleTokens(
    TimeSpan lifetime, IReadIndexGate reads, Func<ulong> appliedIndex, ulong replayedUpTo, TimeProvider time) : ITokenProvider, IAuthObserver
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private const int PrefixLength = 16;
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Token> _tokens = new(StringComparer.Ordinal);
    private long _swept = time.GetTimestamp();

    /// <summary>Tokens held, those that have ended but were not swept yet among them.</summary>
    public int Count => _tokens.Count;

    /// <inheritdoc/>
    public string NewPrefix() => RandomNumberGenerator.GetString(Letters, PrefixLength);

    /// <inheritdoc/>
    public string Issue(string user, ulong revision, string applied) => applied;

    /// <inheritdoc/>
    public async ValueTask<Caller?> IdentifyAsync(string token, ulong revision, CancellationToken cancellation)
    {
        if (Find(token) is { } known)
            return new Caller(known.User, revision);
        // Another member may have answered before this one has applied the entry.
        if (IndexOf(token) is not { } index)
            return null;
        // What was applied since the first look is there at the second.
        if (index > appliedIndex())
            await reads.WaitAsync(cancellation).ConfigureAwait(false);
        return Find(token) is { } late ? new Caller(late.User, revision) : null;
    }

    /// <inheritdoc/>
    public void OnAuthenticated(ulong index, string user, string token)
    {
        if (index <= replayedUpTo)
            return;
        if (!_tokens.TryAdd(token, new Token(user, time.GetTimestamp())))
            throw new InvalidOperationException("a token was made twice");
        Sweep();
    }

    /// <inheritdoc/>
    public void OnUserInvalidated(string user)
    {
        foreach ((string text, Token token) in _tokens)
        {
            if (token.User == user)
                _tokens.TryRemove(text, out _);
        }
    }

    /// <inheritdoc/>
    public void OnAllInvalidated() => _tokens.Clear();

    private Token? Find(string text)
    {
        if (!_tokens.TryGetValue(text, out Token? token))
            return null;
        if (HasEnded(token))
        {
            _tokens.TryRemove(text, out _);
            return null;
        }
        token.Use(time.GetTimestamp());
        return token;
    }

    private bool HasEnded(Token token) => time.GetElapsedTime(token.LastUse) > lifetime;

    private void Sweep()
    {
        if (time.GetElapsedTime(_swept) < SweepInterval)
            return;
        _swept = time.GetTimestamp();
        foreach ((string text, Token token) in _tokens)
        {
            if (HasEnded(token))
                _tokens.TryRemove(text, out _);
        }
    }

    private static ulong? IndexOf(string token)
    {
        string[] parts = token.Split('.');
        return parts.Length == 2 && ulong.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong index) ? index : null;
    }

    private sealed class Token(string user, long now)
    {
        private long _lastUse = now;

        public string User { get; } = user;

        public long LastUse => Volatile.Read(ref _lastUse);

        public void Use(long at) => Volatile.Write(ref _lastUse, at);
    }
}
