using System.IO.Pipelines;
using EtcdNet.Grpc.Internal;
using Google.Protobuf;

namespace EtcdNet.Grpc;

/// <summary>The request messages of a call with a client stream. One reader at a time.</summary>
/// <typeparam name="T">The message type.</typeparam>
public sealed class GrpcReader<T>
    where T : class, IMessage<T>
{
    private readonly GrpcCall _call;
    private readonly MessageParser<T> _parser;
    private readonly PipeReader _body;
    private readonly CancellationToken _callEnd;
    private bool _ended;

    internal GrpcReader(GrpcCall call, MessageParser<T> parser)
    {
        _call = call;
        _parser = parser;
        _body = call.RequestBody;
        _callEnd = call.Cancellation;
    }

    /// <summary>The next message, or null when the client has closed its side.</summary>
    /// <param name="cancellationToken">Gives up waiting; the call's own end always does.</param>
    /// <exception cref="GrpcStatusException">A broken, oversized or undecodable message. Let it end the call.</exception>
    /// <exception cref="OperationCanceledException">The call ended or the token fired.</exception>
    public ValueTask<T?> ReadAsync(CancellationToken cancellationToken = default)
    {
        _callEnd.ThrowIfCancellationRequested();
        if (_ended)
            return ValueTask.FromResult<T?>(null);
        if (RequestBody.TryTake(_body, out var read) && TryTake(read, out var message))
            return ValueTask.FromResult(message);
        return WaitAsync(cancellationToken);
    }

    private async ValueTask<T?> WaitAsync(CancellationToken cancellationToken)
    {
        using var linked = cancellationToken.CanBeCanceled && cancellationToken != _callEnd
            ? CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _callEnd)
            : null;
        var token = linked?.Token ?? _callEnd;
        while (true)
        {
            var read = await RequestBody.WaitAsync(_body, token).ConfigureAwait(false);
            if (TryTake(read, out var message))
                return message;
        }
    }

    /// <summary>True with a message, or with null at the end of the stream; false when more bytes are needed.</summary>
    private bool TryTake(in ReadResult read, out T? message)
    {
        var buffer = read.Buffer;
        message = null;
        if (MessageFrame.TryRead(ref buffer, _call.Host.Options.MaxReceiveMessageSize, out byte flag, out var payload))
        {
            message = MessageFrame.Decode(_call, _parser, null, flag, payload, "grpc: failed to unmarshal the received message: ");
            RequestBody.Advance(_body, buffer.Start, buffer.Start);
            return true;
        }

        RequestBody.Advance(_body, read.Buffer.Start, read.Buffer.End);
        if (!read.IsCompleted)
            return false;
        if (!read.Buffer.IsEmpty)
            throw new GrpcStatusException(GrpcStatusCode.Unknown, "unexpected EOF");
        _ended = true;
        return true;
    }
}
