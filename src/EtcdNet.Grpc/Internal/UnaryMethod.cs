using System.IO.Pipelines;
using Google.Protobuf;

namespace EtcdNet.Grpc.Internal;

/// <summary>
/// One request, one response. When the request is there in one read and the handler ends at once, everything runs on the
/// thread that took the request, and nothing is allocated but the messages.
/// </summary>
internal sealed class UnaryMethod<TRequest, TResponse>(
    string path, MessageParser<TRequest> parser, Func<TRequest, GrpcCall, ValueTask<TResponse>> handler, GrpcMessageReader<TRequest>? reader)
    : OneToOneMethod<TRequest, TResponse>(path, parser, handler, typeof(TResponse), reader)
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    protected override Task RespondAsync(GrpcCall call, TResponse answer)
    {
        call.Respond(answer);
        return Task.CompletedTask;
    }
}

/// <summary>The same, with a response that may be too large to be in memory.</summary>
internal sealed class LargeUnaryMethod<TRequest, TResponse>(
    string path, MessageParser<TRequest> parser, Func<TRequest, GrpcCall, ValueTask<GrpcAnswer<TResponse>>> handler)
    : OneToOneMethod<TRequest, GrpcAnswer<TResponse>>(path, parser, handler, typeof(TResponse))
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    protected override Task RespondAsync(GrpcCall call, GrpcAnswer<TResponse> answer)
    {
        if (answer.Body is { } body)
            return call.RespondAsync(body);
        call.Respond(answer.Message!);
        return Task.CompletedTask;
    }
}

/// <summary>What both share: from the request to the answer or the status of its failure.</summary>
internal abstract class OneToOneMethod<TRequest, TAnswer>(
    string path, MessageParser<TRequest> parser, Func<TRequest, GrpcCall, ValueTask<TAnswer>> handler, Type response,
    GrpcMessageReader<TRequest>? reader = null)
    : GrpcMethod(path, GrpcMethodKind.Unary, typeof(TRequest), response)
    where TRequest : class, IMessage<TRequest>
{
    internal sealed override Task InvokeAsync(GrpcCall call)
    {
        try
        {
            var body = call.RequestBody;
            if (!RequestBody.TryTake(body, out var read) || !SingleRequest.TryTake(call, parser, reader, body, read, out var request))
                return ReadAndRunAsync(call, body);
            call.ThrowIfExpired();
            var running = handler(request, call);
            if (!running.IsCompletedSuccessfully)
                return RunAsync(call, running);
            var responding = RespondAsync(call, running.Result);
            if (!responding.IsCompletedSuccessfully)
                return AwaitAsync(call, responding);
        }
        catch (Exception error)
        {
            call.Fail(error);
        }

        return Task.CompletedTask;
    }

    /// <summary>Sends the answer and the OK status.</summary>
    protected abstract Task RespondAsync(GrpcCall call, TAnswer answer);

    private static async Task AwaitAsync(GrpcCall call, Task responding)
    {
        try
        {
            await responding.ConfigureAwait(false);
        }
        catch (Exception error)
        {
            call.Fail(error);
        }
    }

    private async Task RunAsync(GrpcCall call, ValueTask<TAnswer> running)
    {
        try
        {
            await RespondAsync(call, await running.ConfigureAwait(false)).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            call.Fail(error);
        }
    }

    private async Task ReadAndRunAsync(GrpcCall call, PipeReader body)
    {
        try
        {
            var request = await SingleRequest.ReadAsync(call, parser, reader, body).ConfigureAwait(false);
            call.ThrowIfExpired();
            await RespondAsync(call, await handler(request, call).ConfigureAwait(false)).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            call.Fail(error);
        }
    }
}
