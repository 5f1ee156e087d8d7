using System.Buffers;
using System.IO.Pipelines;
using EtcdNet.Grpc.Internal;
using Google.Protobuf;

namespace EtcdNet.Grpc;

/// <summary>
/// The response messages of a call with a server stream. One writer at a time: concurrent use throws.
/// What a slow client does not take is held up to 64 KiB, then <see cref="FlushAsync"/> waits (HTTP/2 flow control).
/// </summary>
/// <typeparam name="T">The message type.</typeparam>
public sealed class GrpcWriter<T>
    where T : class, IMessage<T>
{
    private readonly GrpcCall _call;
    private readonly GrpcMethod _method;
    private readonly PipeWriter _body;
    private readonly CancellationToken _callEnd;
    private int _busy;
    private bool _closed;

    internal GrpcWriter(GrpcCall call)
    {
        _call = call;
        _method = call.Method;
        _body = call.ResponseBody;
        _callEnd = call.Cancellation;
    }

    /// <summary>Sends a message and waits until the connection has room for more.</summary>
    /// <exception cref="OperationCanceledException">The call ended or the token fired; the stream is then cut.</exception>
    /// <exception cref="GrpcStatusException">The message is larger than the send limit.</exception>
    public ValueTask WriteAsync(T message, CancellationToken cancellationToken = default)
    {
        Append(message);
        return FlushAsync(cancellationToken);
    }

    /// <summary>Sends a message that is encoded already (without the 5-byte prefix).</summary>
    public ValueTask WriteRawAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken = default) =>
        WriteRawAsync(new ReadOnlySequence<byte>(message), cancellationToken);

    /// <inheritdoc cref="WriteRawAsync(ReadOnlyMemory{byte}, CancellationToken)"/>
    public ValueTask WriteRawAsync(ReadOnlySequence<byte> message, CancellationToken cancellationToken = default)
    {
        AppendRaw(message);
        return FlushAsync(cancellationToken);
    }

    /// <summary>Adds a message to the batch that the next <see cref="FlushAsync"/> sends. The caller bounds the batch.</summary>
    public void Append(T message)
    {
        ArgumentNullException.ThrowIfNull(message);
        Enter();
        try
        {
            int size = MessageFrame.CheckedSize(message, _call.Host.Options.MaxSendMessageSize);
            _call.BodyBegins();
            try
            {
                MessageFrame.Write(_body, message, size);
            }
            catch
            {
                // Part of a frame is in the stream: nothing after it could be understood.
                _call.Abort();
                throw;
            }

            _call.Host.Observer?.MessageSent(_method, size);
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>As <see cref="Append"/>, with a message that is encoded already.</summary>
    public void AppendRaw(ReadOnlySequence<byte> message)
    {
        Enter();
        try
        {
            int size = MessageFrame.CheckedSize(message.Length, _call.Host.Options.MaxSendMessageSize);
            _call.BodyBegins();
            MessageFrame.WriteRaw(_body, message, size);
            _call.Host.Observer?.MessageSent(_method, size);
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>Sends what was appended and waits until the connection has room for more.</summary>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default)
    {
        Enter();
        bool linkNeeded = cancellationToken.CanBeCanceled && cancellationToken != _callEnd;
        ValueTask<FlushResult> flush;
        try
        {
            flush = _body.FlushAsync(_callEnd);
        }
        catch
        {
            Exit();
            throw;
        }

        if (flush.IsCompletedSuccessfully)
        {
            _ = flush.Result;
            Exit();
            _callEnd.ThrowIfCancellationRequested();
            return ValueTask.CompletedTask;
        }

        return AwaitAsync(flush, linkNeeded ? cancellationToken : CancellationToken.None);
    }

    /// <summary>After the handler: late writes of forgotten tasks must fail.</summary>
    internal void Close() => Volatile.Write(ref _closed, true);

    private async ValueTask AwaitAsync(ValueTask<FlushResult> flush, CancellationToken cancellationToken)
    {
        // The caller's own token cuts the stream: part of the batch may have left, so there is no way to take it back.
        using var cut = cancellationToken.UnsafeRegister(static state => ((GrpcCall)state!).Abort(), _call);
        try
        {
            await flush.ConfigureAwait(false);
        }
        finally
        {
            Exit();
        }

        cancellationToken.ThrowIfCancellationRequested();
        _callEnd.ThrowIfCancellationRequested();
    }

    private void Enter()
    {
        if (Interlocked.Exchange(ref _busy, 1) != 0)
            throw new InvalidOperationException($"two writers on one stream of {_method.Path}");
        if (!Volatile.Read(ref _closed) && !_callEnd.IsCancellationRequested)
            return;
        Exit();
        _callEnd.ThrowIfCancellationRequested();
        throw new InvalidOperationException($"write after the end of a call of {_method.Path}");
    }

    private void Exit() => Volatile.Write(ref _busy, 0);
}
