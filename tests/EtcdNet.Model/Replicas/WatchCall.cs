using System.Threading.Channels;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Services;

namespace EtcdNet.Model.Replicas;

/// <summary>The client's end of one Watch call, with the transport left out. Takes the bytes that real transports get.</summary>
internal sealed class WatchCall : IRequestStream<WatchRequest>, IResponseStream<WatchResponse>, IRawResponseStream, IDisposable
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);
    private readonly Channel<WatchRequest> _requests = Channel.CreateUnbounded<WatchRequest>();
    private readonly Queue<WatchResponse> _received = new();
    private readonly CancellationTokenSource _leave = new();
    private readonly Task _ended;

    internal WatchCall(WatchService service) =>
        _ended = service.WatchAsync(this, this, new CallContext { Cancellation = _leave.Token });

    /// <inheritdoc/>
    public async ValueTask<WatchRequest?> ReadAsync(CancellationToken cancellation) => await _requests.Reader.ReadAsync(cancellation);

    /// <inheritdoc/>
    public ValueTask WriteAsync(WatchResponse message, CancellationToken cancellation)
    {
        lock (_received)
        {
            _received.Enqueue(message);
            Monitor.Pulse(_received);
        }
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask WriteRawAsync(ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> body, CancellationToken cancellation)
    {
        var message = WatchResponse.Parser.ParseFrom(head.Span);
        message.MergeFrom(Google.Protobuf.ByteString.CopyFrom(body.Span).CreateCodedInput());
        return WriteAsync(message, cancellation);
    }

    /// <inheritdoc/>
    public ValueTask FlushAsync(CancellationToken cancellation) => ValueTask.CompletedTask;

    /// <summary>Leaves, and waits until the server has noticed.</summary>
    public void Dispose()
    {
        _leave.Cancel();
        ((IAsyncResult)_ended).AsyncWaitHandle.WaitOne(_limit);
        _leave.Dispose();
    }

    internal void Send(WatchRequest request) => _requests.Writer.TryWrite(request);

    /// <summary>Waits for the next response; null when nothing came for a minute.</summary>
    internal WatchResponse? Take()
    {
        long end = Environment.TickCount64 + (long)_limit.TotalMilliseconds;
        lock (_received)
        {
            while (_received.Count == 0)
            {
                long left = end - Environment.TickCount64;
                if (left <= 0)
                    return null;
                Monitor.Wait(_received, (int)left);
            }
            return _received.Dequeue();
        }
    }
}
