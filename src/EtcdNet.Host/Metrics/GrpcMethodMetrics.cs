using EtcdNet.Protocol;
using EtcdNet.Server.Metrics;

namespace EtcdNet.Host.Metrics;

/// <summary>The counters of one RPC.</summary>
public sealed class GrpcMethodMetrics
{
    private readonly Counter[] handled;
    private readonly Histogram? handlingSeconds;

    internal GrpcMethodMetrics(Counter started, Counter received, Counter sent, Counter[] handled, Histogram? handlingSeconds)
    {
        Started = started;
        MessagesReceived = received;
        MessagesSent = sent;
        this.handled = handled;
        this.handlingSeconds = handlingSeconds;
    }

    /// <summary>Calls begun.</summary>
    public Counter Started { get; }

    /// <summary>Messages that came in.</summary>
    public Counter MessagesReceived { get; }

    /// <summary>Messages that went out.</summary>
    public Counter MessagesSent { get; }

    /// <summary>True when <see cref="Handled"/> wants a duration: the caller may spare the clock otherwise.</summary>
    public bool WantsDuration => handlingSeconds is not null;

    /// <summary>Counts the end of a call.</summary>
    public void Handled(GrpcStatus code, TimeSpan duration = default)
    {
        handled[(uint)code < (uint)handled.Length ? (int)code : (int)GrpcStatus.Unknown].Add();
        handlingSeconds?.Observe(duration);
    }
}
