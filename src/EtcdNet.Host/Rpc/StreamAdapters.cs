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
internal sealed class ResponseStream<T>(GrpcWriter<T> writer) : IResponseStream<T>
    where T : class, IMessage<T>
{
    public ValueTask WriteAsync(T message, CancellationToken cancellation) => writer.WriteAsync(message, cancellation);
}
