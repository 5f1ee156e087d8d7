using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using Google.Protobuf;

namespace EtcdNet.Grpc.Internal;

/// <summary>Reads the only request of a call that has one, to the end of the client's stream.</summary>
internal static class SingleRequest
{
    public static async ValueTask<T> ReadAsync<T>(
        GrpcCall call, MessageParser<T> parser, GrpcMessageReader<T>? reader, PipeReader body)
        where T : class, IMessage<T>
    {
        var cancellation = call.Cancellation;
        while (true)
        {
            var read = await RequestBody.WaitAsync(body, cancellation).ConfigureAwait(false);
            if (TryTake(call, parser, reader, body, read, out var request))
                return request;
        }
    }

    /// <summary>False when the client has not sent all yet; what was read is then marked as looked at.</summary>
    public static bool TryTake<T>(
        GrpcCall call, MessageParser<T> parser, GrpcMessageReader<T>? reader, PipeReader body, in ReadResult read, [NotNullWhen(true)] out T? request)
        where T : class, IMessage<T>
    {
        request = null;
        var buffer = read.Buffer;
        bool whole = MessageFrame.TryRead(
            ref buffer, call.Host.Options.MaxReceiveMessageSize, out byte flag, out var payload);
        if (whole && !buffer.IsEmpty)
        {
            throw new GrpcStatusException(
                GrpcStatusCode.Internal, "cardinality violation: received multiple request messages for a unary RPC");
        }

        if (!read.IsCompleted)
        {
            RequestBody.Advance(body, read.Buffer.Start, read.Buffer.End);
            return false;
        }

        if (!whole)
            throw new GrpcStatusException(GrpcStatusCode.Unknown, buffer.IsEmpty ? "EOF" : "unexpected EOF");
        request = MessageFrame.Decode(call, parser, reader, flag, payload, "grpc: error unmarshalling request: ");
        RequestBody.Advance(body, read.Buffer.End, read.Buffer.End);
        return true;
    }
}
