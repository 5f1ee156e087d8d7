using System.Buffers;
using System.IO.Pipelines;
using EtcdNet.Grpc.Internal;
using EtcdNet.Grpc.Transport;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EtcdNet.Grpc;

/// <summary>One call of <see cref="GrpcLoopback"/>. One sender and one receiver at a time. Dispose it in the end.</summary>
public sealed class GrpcLoopbackCall : IAsyncDisposable
{
    // A stream waits when its reader leaves this much; one answer of a unary call is taken as a whole.
    private const int StreamBufferBytes = 64 << 10;

    private readonly GrpcCall _call;
    private readonly LoopbackFeatures _features;
    private readonly Pipe _requests = new(Options(StreamBufferBytes));
    private readonly Pipe _responses;
    private readonly HostState _host;
    private readonly GrpcMethod _method;
    private readonly TimeSpan? _timeout;
    private Task<(GrpcStatusCode Code, string Message)>? _end;

    internal GrpcLoopbackCall(
        HostState host, GrpcMethod method, IHeaderDictionary metadata, TimeSpan? timeout, IFeatureCollection outer,
        CancellationToken aborted)
    {
        _host = host;
        _method = method;
        _timeout = timeout;
        bool single = method.Kind is GrpcMethodKind.Unary or GrpcMethodKind.ClientStreaming;
        _responses = new Pipe(Options(single ? 0 : StreamBufferBytes));
        _features = new LoopbackFeatures(method.Path, metadata, _requests.Reader, _responses.Writer, aborted);
        var features = new FeatureCollection(12);
        _features.AddTo(features);
        features.Set(outer.Get<ConnectionState>());
        _call = new GrpcCall(host);
        _call.Attach(features);
    }

    /// <summary>The status; completes when the call has ended. Never faults.</summary>
    public Task<(GrpcStatusCode Code, string Message)> End => _end ?? throw new InvalidOperationException("the call has not begun");

    internal void Run() => _end = RunAsync();

    /// <summary>Sends a message. False when the call has ended and takes no more.</summary>
    public async ValueTask<bool> SendAsync(IMessage request)
    {
        ArgumentNullException.ThrowIfNull(request);
        MessageFrame.Write(_requests.Writer, request, request.CalculateSize());
        FlushResult flushed = await _requests.Writer.FlushAsync().ConfigureAwait(false);
        return !flushed.IsCompleted;
    }

    /// <summary>Says that there will be no more requests.</summary>
    public void CompleteRequests() => _requests.Writer.Complete();

    /// <summary>The next answer, or null when there are no more; <see cref="End"/> then says why.</summary>
    /// <typeparam name="T">What the answer is turned into while its bytes are there.</typeparam>
    public async ValueTask<T?> ReceiveAsync<T>(Func<ReadOnlySequence<byte>, T> decode)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(decode);
        PipeReader reader = _responses.Reader;
        while (true)
        {
            ReadResult read = await reader.ReadAsync().ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = read.Buffer;
            if (MessageFrame.TryRead(ref buffer, int.MaxValue, out _, out ReadOnlySequence<byte> payload))
            {
                T message = decode(payload);
                reader.AdvanceTo(buffer.Start);
                return message;
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted)
                return null;
        }
    }

    /// <summary>Ends the call if it goes on, as when a client leaves.</summary>
    public async ValueTask DisposeAsync()
    {
        _features.Abort();
        // A handler that waits for its reader is let go.
        _responses.Reader.Complete();
        await End.ConfigureAwait(false);
        _requests.Writer.Complete();
        _features.Dispose();
    }

    private async Task<(GrpcStatusCode Code, string Message)> RunAsync()
    {
        if (_timeout is { } timeout)
            _call.SetTimeout(timeout);
        if (_host.IsStopping)
        {
            _call.Refuse(GrpcStatusCode.Unavailable, _host.Options.ShutdownMessage);
        }
        else
        {
            _call.Begin(_method);
            await _method.InvokeAsync(_call).ConfigureAwait(false);
        }
        _call.Detach();
        _responses.Writer.Complete();
        _requests.Reader.Complete();
        return _features.Status();
    }

    private static PipeOptions Options(int bytesMax) =>
        new(pauseWriterThreshold: bytesMax, resumeWriterThreshold: bytesMax / 2, useSynchronizationContext: false);
}
