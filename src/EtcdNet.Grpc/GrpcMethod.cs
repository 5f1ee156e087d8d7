using System.Buffers;
using System.Reflection;
using EtcdNet.Grpc.Internal;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EtcdNet.Grpc;

/// <summary>Which sides of a call are streams.</summary>
public enum GrpcMethodKind
{
    /// <summary>One message each way.</summary>
    Unary,

    /// <summary>Many requests, one response.</summary>
    ClientStreaming,

    /// <summary>One request, many responses.</summary>
    ServerStreaming,

    /// <summary>Many each way.</summary>
    Duplex,
}

/// <summary>
/// Reads the messages of a method that it can read better than the generated parser does, which gets those for which it gives null.
/// It must copy what it keeps: the bytes are the connection's.
/// </summary>
/// <param name="message">A message without its prefix.</param>
public delegate T? GrpcMessageReader<out T>(in ReadOnlySequence<byte> message)
    where T : class;

/// <summary>
/// One RPC: its path and what runs for it. Made by the factories below; immutable but for <see cref="Tag"/> and shared by all calls.
/// </summary>
public abstract class GrpcMethod
{
    private protected GrpcMethod(string path, GrpcMethodKind kind, Type request, Type response)
    {
        ArgumentNullException.ThrowIfNull(path);
        int slash = path.LastIndexOf('/');
        if (path.Length < 4 || path[0] != '/' || slash < 2 || slash == path.Length - 1)
            throw new ArgumentException($"\"{path}\" is not of the form /service/method", nameof(path));
        Path = path;
        Service = path[1..slash];
        Name = path[(slash + 1)..];
        Kind = kind;
        Request = DescriptorOf(request);
        Response = DescriptorOf(response);
    }

    /// <summary>The path, <c>/etcdserverpb.KV/Put</c>.</summary>
    public string Path { get; }

    /// <summary>The service, <c>etcdserverpb.KV</c>.</summary>
    public string Service { get; }

    /// <summary>The method, <c>Put</c>.</summary>
    public string Name { get; }

    /// <summary>The call kind.</summary>
    public GrpcMethodKind Kind { get; }

    /// <summary>The type of the request messages.</summary>
    public MessageDescriptor Request { get; }

    /// <summary>The type of the response messages.</summary>
    public MessageDescriptor Response { get; }

    /// <summary>Free for the owner of the table, for example the counters of this method. Set before the host starts.</summary>
    public object? Tag { get; set; }

    /// <summary>A method with one message each way. The whole request is read before the handler runs, by the reader if there is one and it can.</summary>
    public static GrpcMethod Unary<TRequest, TResponse>(
        string path,
        MessageParser<TRequest> parser,
        Func<TRequest, GrpcCall, ValueTask<TResponse>> handler,
        GrpcMessageReader<TRequest>? reader = null)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        new UnaryMethod<TRequest, TResponse>(path, parser, handler, reader);

    /// <summary>The same, with answers that need not be in memory as a whole: they are sent piece by piece under flow control.</summary>
    public static GrpcMethod LargeUnary<TRequest, TResponse>(
        string path,
        MessageParser<TRequest> parser,
        Func<TRequest, GrpcCall, ValueTask<GrpcAnswer<TResponse>>> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        new LargeUnaryMethod<TRequest, TResponse>(path, parser, handler);

    /// <summary>A method that answers one request with many messages.</summary>
    public static GrpcMethod ServerStreaming<TRequest, TResponse>(
        string path,
        MessageParser<TRequest> parser,
        Func<TRequest, GrpcCall, GrpcWriter<TResponse>, Task> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        new ServerStreamingMethod<TRequest, TResponse>(path, parser, handler);

    /// <summary>A method that answers many requests with one message.</summary>
    public static GrpcMethod ClientStreaming<TRequest, TResponse>(
        string path,
        MessageParser<TRequest> parser,
        Func<GrpcReader<TRequest>, GrpcCall, ValueTask<TResponse>> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        new ClientStreamingMethod<TRequest, TResponse>(path, parser, handler);

    /// <summary>A method with many messages each way. The response headers go out before the handler runs.</summary>
    public static GrpcMethod Duplex<TRequest, TResponse>(
        string path,
        MessageParser<TRequest> parser,
        Func<GrpcReader<TRequest>, GrpcCall, GrpcWriter<TResponse>, Task> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        new DuplexMethod<TRequest, TResponse>(path, parser, handler);

    /// <summary>Runs one call to its end. Never throws and never faults.</summary>
    internal abstract Task InvokeAsync(GrpcCall call);

    /// <summary>Generated message types carry it in a static property.</summary>
    private static MessageDescriptor DescriptorOf(Type message) =>
        (MessageDescriptor)message.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!;
}
