using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Google.Protobuf;

namespace EtcdNet.Grpc.Internal;

/// <summary>
/// Messages on the wire: one flag byte (1 = compressed), four bytes of length (big endian), the message.
/// Source: the "gRPC over HTTP2" protocol document; the texts are those grpc-go answers.
/// </summary>
internal static class MessageFrame
{
    public const int PrefixSize = 5;

    /// <summary>Up to this size a message is written through one span; half of Kestrel's 4 KiB blocks wastes little of them.</summary>
    private const int OneSpanMax = 2048;

    /// <summary>
    /// Takes one frame off the buffer. False when it is not complete; its size is judged as soon as the prefix is there,
    /// so nobody can make the server hold more than the limit.
    /// </summary>
    public static bool TryRead(
        ref ReadOnlySequence<byte> buffer, int maxSize, out byte flag, out ReadOnlySequence<byte> payload)
    {
        flag = 0;
        payload = default;
        if (buffer.Length < PrefixSize)
            return false;
        Span<byte> prefix = stackalloc byte[PrefixSize];
        buffer.Slice(0, PrefixSize).CopyTo(prefix);
        flag = prefix[0];
        uint length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (flag > 1)
            throw new GrpcStatusException(GrpcStatusCode.Internal, $"grpc: received unexpected payload format {flag}");
        if (length > (uint)maxSize)
        {
            throw new GrpcStatusException(
                GrpcStatusCode.ResourceExhausted, $"grpc: received message larger than max ({length} vs. {maxSize})");
        }

        if (buffer.Length - PrefixSize < length)
            return false;
        payload = buffer.Slice(PrefixSize, length);
        buffer = buffer.Slice(payload.End);
        return true;
    }

    /// <summary>Turns a payload into a message and tells the observer.</summary>
    public static T Decode<T>(
        GrpcCall call, MessageParser<T> parser, GrpcMessageReader<T>? reader, byte flag, in ReadOnlySequence<byte> payload, string errorPrefix)
        where T : class, IMessage<T>
    {
        if (flag != 0)
            return DecodeCompressed(call, parser, payload, errorPrefix);
        var message = reader?.Invoke(payload) ?? Parse(parser, payload, errorPrefix);
        call.Host.Observer?.MessageReceived(call.Method, (int)payload.Length);
        return message;
    }

    public static int CheckedSize(IMessage message, int maxSize) => CheckedSize(message.CalculateSize(), maxSize);

    public static int CheckedSize(long size, int maxSize)
    {
        if (size > maxSize)
        {
            throw new GrpcStatusException(
                GrpcStatusCode.ResourceExhausted, $"grpc: trying to send message larger than max ({size} vs. {maxSize})");
        }

        return (int)size;
    }

    public static void Write(PipeWriter writer, IMessage message, int size)
    {
        if (size > OneSpanMax)
        {
            WritePrefix(writer, size);
            message.WriteTo(writer);
            return;
        }

        var span = writer.GetSpan(PrefixSize + size);
        FillPrefix(span, size);
        message.WriteTo(span.Slice(PrefixSize, size));
        writer.Advance(PrefixSize + size);
    }

    public static void WriteRaw(PipeWriter writer, in ReadOnlySequence<byte> message, int size)
    {
        WritePrefix(writer, size);
        foreach (var segment in message)
            writer.Write(segment.Span);
    }

    /// <summary>Begins a message whose bytes follow.</summary>
    public static void WritePrefix(PipeWriter writer, int size)
    {
        FillPrefix(writer.GetSpan(PrefixSize), size);
        writer.Advance(PrefixSize);
    }

    private static void FillPrefix(Span<byte> span, int size)
    {
        span[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(span[1..], (uint)size);
    }

    private static T Parse<T>(MessageParser<T> parser, in ReadOnlySequence<byte> payload, string errorPrefix)
        where T : class, IMessage<T>
    {
        try
        {
            return parser.ParseFrom(payload);
        }
        catch (InvalidProtocolBufferException error)
        {
            throw new GrpcStatusException(GrpcStatusCode.Internal, errorPrefix + error.Message);
        }
    }

    private static T DecodeCompressed<T>(
        GrpcCall call, MessageParser<T> parser, in ReadOnlySequence<byte> payload, string errorPrefix)
        where T : class, IMessage<T>
    {
        if (!call.RequestIsGzip)
        {
            throw new GrpcStatusException(
                GrpcStatusCode.Internal, "grpc: compressed flag set with identity or empty encoding");
        }

        byte[] plain = Gzip.Inflate(payload, call.Host.Options.MaxReceiveMessageSize, out int length);
        try
        {
            var message = Parse(parser, new ReadOnlySequence<byte>(plain, 0, length), errorPrefix);
            call.Host.Observer?.MessageReceived(call.Method, length);
            return message;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }
}
