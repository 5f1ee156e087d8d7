using EtcdNet.Server.Consensus;

namespace EtcdNet.Server.Services;

/// <summary>
/// What a service knows of the call it answers, whatever carried it (gRPC, JSON gateway, a test). A transport may
/// override the members to find out only when asked.
/// </summary>
public class CallContext : IApplyTimes
{
    /// <summary>Cancelled when the client leaves, its deadline passes, or the server stops.</summary>
    public virtual CancellationToken Cancellation { get; init; }

    /// <summary>Authentication token (metadata <c>token</c>, HTTP header <c>Authorization</c>); null for none.</summary>
    public virtual string? Token { get; init; }

    /// <summary>The client wants an error rather than a wait when there is no leader (metadata <c>hasleader: true</c>).</summary>
    public virtual bool RequireLeader { get; init; }

    /// <summary>Metadata <c>client-api-version</c>; label of etcd_server_client_requests_total.</summary>
    public virtual string ClientApiVersion { get; init; } = "unknown";

    /// <summary>When the quorum had confirmed a read that had to wait for it, in <see cref="System.Diagnostics.Stopwatch"/> ticks; else 0.</summary>
    public long ReadConfirmedAt { get; private set; }

    /// <summary>Notes <see cref="ReadConfirmedAt"/>, for the log of slow requests.</summary>
    public void ReadConfirmed() => ReadConfirmedAt = System.Diagnostics.Stopwatch.GetTimestamp();

    /// <summary>When a write began to be applied, in <see cref="System.Diagnostics.Stopwatch"/> ticks; 0 before, and for calls that write nothing.</summary>
    public long ApplyStartedAt { get; private set; }

    /// <summary>How long that took.</summary>
    public TimeSpan ApplyTook { get; private set; }

    /// <inheritdoc/>
    public void Applied(long startedAt, TimeSpan took) => (ApplyStartedAt, ApplyTook) = (startedAt, took);

    /// <summary>Address of the client, for log lines.</summary>
    public virtual string Remote { get; init; } = "";
}

/// <summary>Messages that a client streams in.</summary>
public interface IRequestStream<T>
    where T : class
{
    /// <summary>The next message, or null when the client has half-closed.</summary>
    ValueTask<T?> ReadAsync(CancellationToken cancellation);
}

/// <summary>
/// Messages streamed out to a client. One writer at a time. A write completes when the transport has taken the message;
/// it waits while the client's flow-control window is closed, so a slow client costs its writer time and not memory.
/// </summary>
public interface IResponseStream<T>
    where T : class
{
    /// <summary>Writes one message and sends it on its way.</summary>
    ValueTask WriteAsync(T message, CancellationToken cancellation);
}
