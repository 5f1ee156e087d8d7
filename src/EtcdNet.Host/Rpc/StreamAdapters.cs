using System.Buffers;
using EtcdNet.Grpc;
using EtcdNet.Server.Services;
using Google.Protobuf;

namespace EtcdNet.Host.Rpc;

/// <summary>The client's messages of a gRPC stream, for a service.</summary>
internal sealed class RequestStream<T>(GrpcReader<T> reader) : IRequestStream<T>
    where T : class, IMessage<T>
{
    public ValueTask<T?> ReadAsync(CancellationToken cancellation) => reader.ReadAsync(cancellation);
}

/// <summary>The answers of a service, for a gRPC stream.</summary>
internal sealed class ResponseStream<T>(GrpcWriter<T> writer) : IResponseStream<T>, IRawResponseStream
    where T : class, IMessage<T>
{
    // What may wait in the stream's buffer before the writer has to wait for the client's window. It counts once for each of thousands of streams.
    private const int UnflushedBytesMax = 16 << 10;

    private long _unflushed;

    public ValueTask WriteAsync(T message, CancellationToken cancellation)
    {
        _unflushed = 0;
        return writer.WriteAsync(message, cancellation);
    }

    public ValueTask WriteRawAsync(ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> body, CancellationToken cancellation)
    {
        writer.AppendRaw(Join(head, body));
        _unflushed += head.Length + body.Length;
        return _unflushed < UnflushedBytesMax ? ValueTask.CompletedTask : FlushAsync(cancellation);
    }

    public ValueTask FlushAsync(CancellationToken cancellation)
    {
        _unflushed = 0;
        return writer.FlushAsync(cancellation);
    }

    private static ReadOnlySequence<byte> Join(ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> body)
    {
        if (body.IsEmpty)
            return new ReadOnlySequence<byte>(head);
        var first = new Segment(head, 0);
        var last = new Segment(body, head.Length);
        first.Append(last);
        return new ReadOnlySequence<byte>(first, 0, last, body.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> bytes, long start)
        {
            Memory = bytes;
            RunningIndex = start;
        }

        public void Append(Segment next) => Next = next;
    }
}

/// <summary>A large answer of a service, for a unary gRPC call.</summary>
internal sealed class EncodedBody(IEncodedAnswer answer) : IGrpcBody
{
    public long Size => answer.Size;

    public bool WriteNext(IBufferWriter<byte> destination) => answer.WriteNext(destination);

    public void Dispose() => answer.Dispose();
}
