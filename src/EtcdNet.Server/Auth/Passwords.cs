using EtcdNet.Protocol;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Auth;

/// <summary>Hashes and checks passwords on few threads, since each takes tens of milliseconds of a processor.</summary>
internal sealed class Passwords(int cost) : IDisposable
{
    // Some seconds of work at the usual cost; who comes later may as well try again later.
    private const int WaitingMax = 200;

    // Some seconds of work: more than anybody waits for at a login.
    private const int CostLimitDefault = 16;

    // Whoever guesses passwords must not take the processors from those who have a token.
    private readonly SemaphoreSlim _places = new(Math.Max(1, Environment.ProcessorCount / 2));
    private int _waiting;

    /// <summary>The hash of a new password.</summary>
    /// <exception cref="EtcdException">It is too long, or holds a zero byte, which bcrypt would take for its end; or too many wait.</exception>
    public Task<string> HashAsync(string password, CancellationToken cancellation)
    {
        if (System.Text.Encoding.UTF8.GetByteCount(password) > Bcrypt.PasswordBytesMax)
            throw new EtcdException(GrpcStatus.Unknown, "bcrypt: password length exceeds 72 bytes");
        if (password.Contains('\0'))
            throw new EtcdException(GrpcStatus.InvalidArgument, "etcdserver: password contains a zero byte");
        return RunAsync(() => Bcrypt.Hash(password, cost), cancellation);
    }

    /// <summary>True when the password is the one of the hash.</summary>
    /// <exception cref="EtcdException">The hash is too costly, or too many wait.</exception>
    public Task<bool> VerifyAsync(string password, ReadOnlyMemory<byte> hash, CancellationToken cancellation)
    {
        RefuseCostly(hash.Span);
        return RunAsync(() => Bcrypt.Verify(password, hash.Span), cancellation);
    }

    /// <summary>
    /// Hashes may be set as they are, and one of the highest cost takes hours to check: whoever tries a password of that user, right or
    /// wrong, would keep all others from logging in meanwhile. Hashes of any cost up to this member's own are checked.
    /// </summary>
    /// <exception cref="EtcdException">The hash is too costly.</exception>
    public void RefuseCostly(ReadOnlySpan<byte> hash)
    {
        int limit = Math.Max(cost, CostLimitDefault);
        if (Bcrypt.CostOf(hash) is { } found && found > limit)
            throw new EtcdException(GrpcStatus.InvalidArgument, $"etcdserver: password hash of bcrypt cost {found} would take too long to check; the limit is {limit} (or --bcrypt-cost, if that is higher)");
    }

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();

    private async Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _waiting) > WaitingMax)
        {
            Interlocked.Decrement(ref _waiting);
            throw EtcdError.RequestTooManyRequests.ToException();
        }
        try
        {
            await _places.WaitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
        try
        {
            return await Task.Run(work, cancellation).ConfigureAwait(false);
        }
        finally
        {
            _places.Release();
        }
    }
}
