using System.Buffers;
using Google.Protobuf;

namespace EtcdNet.Grpc;

/// <summary>What a handler of a unary method answers: a message, or the source of one that is too large to be in memory.</summary>
/// <typeparam name="T">The message type.</typeparam>
public readonly struct GrpcAnswer<T>
    where T : class, IMessage<T>
{
    /// <summary>A message.</summary>
    public GrpcAnswer(T message) => Message = message ?? throw new ArgumentNullException(nameof(message));

    /// <summary>A source, which is disposed when it was sent or the call has failed.</summary>
    public GrpcAnswer(IGrpcBody body) => Body = body ?? throw new ArgumentNullException(nameof(body));

    /// <summary>The message, or null.</summary>
    public T? Message { get; }

    /// <summary>The source, or null.</summary>
    public IGrpcBody? Body { get; }
}

/// <summary>A marshalled message that is made while it is sent. One reader.</summary>
public interface IGrpcBody : IDisposable
{
    /// <summary>Its bytes, all of which must come.</summary>
    long Size { get; }

    /// <summary>Appends the next piece, at most some tens of kilobytes; false when there is none left. An exception cuts the call.</summary>
    bool WriteNext(IBufferWriter<byte> destination);
}
