using System.Diagnostics;
using System.Globalization;
using EtcdNet.Grpc;
using EtcdNet.Host.Configuration;

namespace EtcdNet.Host.Telemetry;

/// <summary>
/// A server span for each call that is traced, with the names that otelgrpc gives them in etcd 3.6. A client that sends a
/// <c>traceparent</c> has decided; for the others chance does. A call that is not traced costs the look for that header.
/// </summary>
internal sealed class CallTracing : IDisposable
{
    private const int Million = 1_000_000;

    private readonly ActivitySource _source = new("EtcdNet", Versions.EtcdNet);
    private readonly ActivityListener _listener;
    private readonly int _samplesPerMillion;

    /// <param name="samplesPerMillion">Calls traced out of a million that come without a client's decision.</param>
    /// <param name="finished">Given each span when it has ended; must not wait.</param>
    public CallTracing(int samplesPerMillion, Action<Activity> finished)
    {
        _samplesPerMillion = samplesPerMillion;
        _listener = new ActivityListener
        {
            ShouldListenTo = source => ReferenceEquals(source, _source),
            // Whether a call is traced is decided before there is an activity.
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = finished,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    /// <summary>A call begins.</summary>
    public void Begin(GrpcCall call)
    {
        string? parentText = call.Metadata("traceparent");
        ActivityContext parent = default;
        if (parentText is not null && ActivityContext.TryParse(parentText, call.Metadata("tracestate"), isRemote: true, out parent))
        {
            if (!parent.TraceFlags.HasFlag(ActivityTraceFlags.Recorded))
                return;
        }
        else if (_samplesPerMillion == 0 || Random.Shared.Next(Million) >= _samplesPerMillion)
        {
            return;
        }
        GrpcMethod method = call.Method;
        Activity? activity = _source.StartActivity(method.Path[1..], ActivityKind.Server, parent);
        if (activity is null)
            return;
        // What this thread does next for the connection is no part of the call.
        Activity.Current = null;
        activity.SetTag("rpc.service", method.Service);
        activity.SetTag("rpc.method", method.Name);
        activity.SetTag("rpc.system", "grpc");
        call.ObserverState = activity;
    }

    /// <summary>A call has ended.</summary>
    public static void End(GrpcCall call, GrpcStatusCode code, string message)
    {
        if (call.ObserverState is not Activity activity)
            return;
        string peer = call.Peer;
        int colon = peer.LastIndexOf(':');
        if (colon > 0 && int.TryParse(peer.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port))
        {
            activity.SetTag("net.sock.peer.addr", peer[..colon].Trim('[', ']'));
            activity.SetTag("net.sock.peer.port", port);
        }
        activity.SetTag("rpc.grpc.status_code", (int)code);
        if (IsFailure(code))
            activity.SetStatus(ActivityStatusCode.Error, message);
        activity.Stop();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _listener.Dispose();
        _source.Dispose();
    }

    /// <summary>What is the server's failure and not the client's, by OpenTelemetry's conventions for gRPC.</summary>
    private static bool IsFailure(GrpcStatusCode code) => code is GrpcStatusCode.Unknown or GrpcStatusCode.DeadlineExceeded
        or GrpcStatusCode.Unimplemented or GrpcStatusCode.Internal or GrpcStatusCode.Unavailable or GrpcStatusCode.DataLoss;
}
