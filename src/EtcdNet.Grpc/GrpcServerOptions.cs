using Microsoft.Extensions.Logging;

namespace EtcdNet.Grpc;

/// <summary>Limits and timers of a <see cref="GrpcHost"/>. Read once, when the host is made.</summary>
public sealed class GrpcServerOptions
{
    /// <summary>Largest request message in bytes, before and after decompression. Default 4 MiB, gRPC's own default.</summary>
    public int MaxReceiveMessageSize { get; init; } = 4 * 1024 * 1024;

    /// <summary>Largest response message in bytes. Default: no limit but the protocol's.</summary>
    public int MaxSendMessageSize { get; init; } = int.MaxValue;

    /// <summary>Concurrent streams of one connection. Default 1,000,000 (etcd has no limit, Kestrel needs one).</summary>
    public int MaxConcurrentStreams { get; init; } = 1_000_000;

    /// <summary>Set SO_REUSEPORT, so that other processes of the same user may listen on the same ports.</summary>
    public bool ReusePort { get; init; }

    /// <summary>
    /// Connections that each address has open at a time; further ones wait in the kernel's queue until one closes, and cost
    /// this process no descriptor. Default: no limit.
    /// </summary>
    public int MaxConnections { get; init; } = int.MaxValue;

    /// <summary>
    /// Shortest interval at which a client may ping (etcd: <c>--grpc-keepalive-min-time</c>, 5 s). A client that pings
    /// faster is sent away with GOAWAY ENHANCE_YOUR_CALM "too_many_pings" after three offences.
    /// </summary>
    public TimeSpan KeepaliveMinTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether a client without open streams may ping at <see cref="KeepaliveMinTime"/>; if not, once in two hours.</summary>
    public bool KeepalivePermitWithoutStream { get; init; }

    /// <summary>Silence after which the server pings (etcd: <c>--grpc-keepalive-interval</c>, 2 h). Zero: never. Shortest 1 s.</summary>
    public TimeSpan KeepaliveInterval { get; init; } = TimeSpan.FromHours(2);

    /// <summary>Time a client has to answer the server's ping (etcd: <c>--grpc-keepalive-timeout</c>, 20 s). Shortest 1 s.</summary>
    public TimeSpan KeepaliveTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Time that open calls have to end when the host stops; then connections are cut.</summary>
    public TimeSpan ShutdownGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Text of the Unavailable status that open streams and late calls get when the host stops.</summary>
    public string ShutdownMessage { get; init; } = "server stopped";

    /// <summary>Metrics and logs hook.</summary>
    public IGrpcObserver? Observer { get; init; }

    /// <summary>
    /// What an exception of a handler means to the client, for services that have errors of their own; null leaves it to
    /// the rules for any exception.
    /// </summary>
    public Func<Exception, GrpcStatusException?>? TranslateError { get; init; }

    /// <summary>The clock of deadlines and ping intervals.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Where Kestrel logs; null: nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(MaxReceiveMessageSize);
        ArgumentOutOfRangeException.ThrowIfNegative(MaxSendMessageSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxConcurrentStreams);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxConnections);
        ArgumentOutOfRangeException.ThrowIfLessThan(KeepaliveMinTime, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(KeepaliveInterval, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(ShutdownGrace, TimeSpan.Zero);
        ArgumentNullException.ThrowIfNull(ShutdownMessage);
    }
}
