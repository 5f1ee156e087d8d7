using Google.Protobuf;

namespace EtcdNet.Grpc.Internal;

/// <summary>The frame that the three kinds with a stream share: start, run, end, in that order and never a fault.</summary>
internal abstract class StreamingMethod(string path, GrpcMethodKind kind, Type request, Type response)
    : GrpcMethod(path, kind, request, response)
{
    internal sealed override async Task InvokeAsync(GrpcCall call)
    {
        try
        {
            await RunAsync(call).ConfigureAwait(false);
            call.Complete(GrpcStatusCode.OK, "");
        }
        catch (Exception error)
        {
            call.Fail(error);
        }
    }

    protected abstract Task RunAsync(GrpcCall call);
}

/// <summary>One request, many responses. Headers leave with the first message, so an early error needs no trailers.</summary>
internal sealed class ServerStreamingMethod<TRequest, TResponse>(
    string path, MessageParser<TRequest> parser, Func<TRequest, GrpcCall, GrpcWriter<TResponse>, Task> handler)
    : StreamingMethod(path, GrpcMethodKind.ServerStreaming, typeof(TRequest), typeof(TResponse))
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    protected override async Task RunAsync(GrpcCall call)
    {
        var request = await SingleRequest.ReadAsync(call, parser, null, call.RequestBody).ConfigureAwait(false);
        var writer = new GrpcWriter<TResponse>(call);
        try
        {
            await handler(request, call, writer).ConfigureAwait(false);
        }
        finally
        {
            writer.Close();
        }
    }
}

/// <summary>Many requests, one response.</summary>
internal sealed class ClientStreamingMethod<TRequest, TResponse>(
    string path, MessageParser<TRequest> parser, Func<GrpcReader<TRequest>, GrpcCall, ValueTask<TResponse>> handler)
    : StreamingMethod(path, GrpcMethodKind.ClientStreaming, typeof(TRequest), typeof(TResponse))
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    protected override async Task RunAsync(GrpcCall call) =>
        call.Respond(await handler(new GrpcReader<TRequest>(call, parser), call).ConfigureAwait(false));
}

/// <summary>Many messages each way. Headers leave at once: clients wait for them before they write.</summary>
internal sealed class DuplexMethod<TRequest, TResponse>(
    string path,
    MessageParser<TRequest> parser,
    Func<GrpcReader<TRequest>, GrpcCall, GrpcWriter<TResponse>, Task> handler)
    : StreamingMethod(path, GrpcMethodKind.Duplex, typeof(TRequest), typeof(TResponse))
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    protected override async Task RunAsync(GrpcCall call)
    {
        await call.SendHeadersAsync().ConfigureAwait(false);
        var writer = new GrpcWriter<TResponse>(call);
        try
        {
            await handler(new GrpcReader<TRequest>(call, parser), call, writer).ConfigureAwait(false);
        }
        finally
        {
            writer.Close();
        }
    }
}
