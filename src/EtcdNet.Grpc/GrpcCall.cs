using System.Diagnostics;
using System.IO.Pipelines;
using System.Security.Cryptography.X509Certificates;
using EtcdNet.Grpc.Internal;
using EtcdNet.Grpc.Transport;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EtcdNet.Grpc;

/// <summary>
/// One call, as its handler sees it. It belongs to the handler until the handler's task ends and must not be touched later:
/// the objects of unary calls are used again for later requests of the same connection.
/// </summary>
public sealed partial class GrpcCall
{
    private readonly HostState _host;
    private readonly Lock _sync = new();
    private IFeatureCollection? _features;
    private IHttpRequestFeature _request = null!;
    private IHttpResponseFeature _response = null!;
    private IHttpResponseBodyFeature _responseBody = null!;
    private IHttpRequestLifetimeFeature _lifetime = null!;
    private GrpcMethod? _method;
    private CancellationTokenSource? _source;
    private CancellationTokenRegistration _abortRegistration;
    private CancellationTokenRegistration _stopRegistration;
    private long _startedAt;
    private TimeSpan? _timeout;
    private int _endReason;
    private bool _completed;
    private bool _bodyBegun;

    internal GrpcCall(HostState host)
    {
        _host = host;
    }

    /// <summary>The method called.</summary>
    public GrpcMethod Method => _method ?? throw Ended();

    /// <summary>When the client stops waiting (its <c>grpc-timeout</c>), or null.</summary>
    public DateTimeOffset? Deadline { get; private set; }

    /// <summary>
    /// Fires when the client is gone, the deadline has passed or, for calls with a stream, the host stops.
    /// Made on first use: a unary handler that never asks for it costs nothing.
    /// </summary>
    public CancellationToken Cancellation
    {
        get
        {
            _ = Features;
            if (_source is { } source)
                return source.Token;
            return _timeout is null && Method.Kind == GrpcMethodKind.Unary ? _lifetime.RequestAborted : CreateSource();
        }
    }

    /// <summary>The peer as <c>address:port</c>; <c>@</c> for a unix socket without a name.</summary>
    public string Peer
    {
        get
        {
            _ = Features;
            return Connection?.Peer ?? "@";
        }
    }

    /// <summary>The client's TLS certificate, or null (no TLS, or none sent).</summary>
    public X509Certificate2? ClientCertificate => Features.Get<ITlsConnectionFeature>()?.ClientCertificate;

    /// <summary>Free for the handler; the observer finds it there when the call has ended. Null at the beginning.</summary>
    public object? State { get; set; }

    /// <summary>Free for the observer, from the start of the call to its end. Null at the beginning.</summary>
    public object? ObserverState { get; set; }

    /// <summary>The answer of a unary call, for the observer when the call has ended; null when there was none, or it was sent in pieces.</summary>
    public object? Answer { get; private set; }

    /// <summary>Size of the answer of a unary call, encoded; 0 when there was none.</summary>
    public int AnswerBytes { get; private set; }

    internal HostState Host => _host;

    /// <summary>The connection's own state; null only for connections that no listener of ours made.</summary>
    internal ConnectionState? Connection { get; private set; }

    internal IFeatureCollection Features => _features ?? throw Ended();

    internal PipeReader RequestBody => Features.Get<IRequestBodyPipeFeature>()!.Reader;

    internal PipeWriter ResponseBody => _responseBody.Writer;

    internal IHttpRequestFeature Request => _request;

    internal IHttpResponseFeature Response => _response;

    /// <summary>Whether request messages with the compressed flag can be read.</summary>
    internal bool RequestIsGzip { get; set; }

    /// <summary>
    /// The value of a request header (lower-case name), one character a byte, or null. Several values are joined by commas.
    /// A look-up allocates nothing.
    /// </summary>
    public string? Metadata(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        _ = Features;
        return _request.Headers.TryGetValue(name, out var value) && value.Count > 0 ? value.ToString() : null;
    }

    internal void Attach(IFeatureCollection features)
    {
        Debug.Assert(_features is null, "a call serves one request at a time");
        _features = features;
        _request = features.Get<IHttpRequestFeature>()!;
        _response = features.Get<IHttpResponseFeature>()!;
        _responseBody = features.Get<IHttpResponseBodyFeature>()!;
        _lifetime = features.Get<IHttpRequestLifetimeFeature>()!;
        Connection ??= features.Get<ConnectionState>();
    }

    /// <summary>Lets go of the request. False when the object must not be used again.</summary>
    internal bool Detach()
    {
        _abortRegistration.Dispose();
        _stopRegistration.Dispose();
        bool reusable = _source is null && _method is null or { Kind: GrpcMethodKind.Unary };
        _source?.Dispose();
        _features = null;
        _method = null;
        _source = null;
        _abortRegistration = default;
        _stopRegistration = default;
        _timeout = null;
        _endReason = 0;
        _completed = false;
        _bodyBegun = false;
        Deadline = null;
        State = null;
        ObserverState = null;
        Answer = null;
        AnswerBytes = 0;
        RequestIsGzip = false;
        return reusable;
    }

    internal void Begin(GrpcMethod method)
    {
        _method = method;
        _startedAt = Stopwatch.GetTimestamp();
        _host.Observer?.CallStarted(this);
        if (method.Kind != GrpcMethodKind.Unary)
            CreateSource();
    }

    internal void SetTimeout(TimeSpan timeout)
    {
        _timeout = timeout;
        var now = _host.Options.TimeProvider.GetUtcNow();
        // The longest timeout that can be written is 11,415 years.
        Deadline = DateTimeOffset.MaxValue - now > timeout ? now + timeout : DateTimeOffset.MaxValue;
    }

    /// <summary>Throws when the deadline has passed before the handler could begin.</summary>
    internal void ThrowIfExpired()
    {
        if (Deadline is { } deadline && deadline <= _host.Options.TimeProvider.GetUtcNow())
            throw new GrpcStatusException(GrpcStatusCode.DeadlineExceeded, "context deadline exceeded");
    }

    /// <summary>From now on the status belongs into the trailers.</summary>
    internal void BodyBegins() => _bodyBegun = true;

    internal void Abort() => _lifetime.Abort();

    /// <summary>Sends the response headers; starting the response alone leaves them in Kestrel's buffer.</summary>
    internal ValueTask<FlushResult> SendHeadersAsync() => ResponseBody.FlushAsync(Cancellation);

    private static ObjectDisposedException Ended() => new(nameof(GrpcCall), "the call has ended");

    private CancellationToken CreateSource()
    {
        lock (_sync)
        {
            if (_source is not null)
                return _source.Token;
            _source = _timeout is { } timeout
                ? new CancellationTokenSource(Min(timeout, GrpcTimeout.LongestTimer), _host.Options.TimeProvider)
                : new CancellationTokenSource();
        }

        // Outside the lock: a registration on a token that fired already runs at once.
        _abortRegistration = _lifetime.RequestAborted.UnsafeRegister(
            static state => ((GrpcCall)state!).Cancel(EndReason.ClientGone), this);
        if (Method.Kind != GrpcMethodKind.Unary)
        {
            _stopRegistration = _host.Stopping.UnsafeRegister(
                static state => ((GrpcCall)state!).Cancel(EndReason.Stopping), this);
        }

        return _source.Token;
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private void Cancel(EndReason reason)
    {
        if (_source!.IsCancellationRequested)
            return;
        Interlocked.CompareExchange(ref _endReason, (int)reason, (int)EndReason.None);
        try
        {
            _source.Cancel();
        }
        catch (AggregateException error)
        {
            // A callback of the handler's; it must not keep the host from telling the other calls.
            _host.Observer?.HandlerFailed(Method, error);
        }
    }

    private EndReason Reason()
    {
        if (_endReason != 0)
            return (EndReason)_endReason;
        if (_source is { IsCancellationRequested: true })
            return EndReason.Deadline;
        return _lifetime.RequestAborted.IsCancellationRequested ? EndReason.ClientGone : EndReason.None;
    }

    private enum EndReason
    {
        None,
        ClientGone,
        Deadline,
        Stopping,
    }
}
