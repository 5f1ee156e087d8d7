using System.Buffers;
using System.IO.Pipelines;
using Google.Protobuf;

namespace EtcdNet.Grpc.Internal;

/// <summary>
/// One request, one response. When the request is there in one read and the handler ends at once, everything runs on the
/// thread that took the request, and nothing is allocated but the messages.
/// </summary>
internal sealed class UnaryMethod<TRequest, TResponse>(
    string path, MessageParser<TRequest> parser, Func<TRequest, GrpcCall, ValueTask<TResponse>> handler)
    : GrpcMethod(path, GrpcMethodKind.Unary, typeof(TRequest), typeof(TResponse))
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    internal override Task InvokeAsync(GrpcCall call)
    {
        try
        {
            var body = call.RequestBody;
            if (!body.TryRead(out var read) || !SingleRequest.TryTake(call, parser, body, read, out var request))
                return ReadAndRunAsync(call, body);
            call.ThrowIfExpired();
            var running = handler(request, call);
            if (!running.IsCompletedSuccessfully)
                return RunAsync(call, running);
            call.Respond(running.Result);
        }
        catch (Exception error)
        {
            call.Fail(error);
        }

        return Task.CompletedTask;
    }

    private static async Task RunAsync(GrpcCall call, ValueTask<TResponse> running)
    {
        try
        {
            call.Respond(await running.ConfigureAwait(false));
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
            var request = await SingleRequest.ReadAsync(call, parser, body).ConfigureAwait(false);
            call.ThrowIfExpired();
            call.Respond(await handler(request, call).ConfigureAwait(false));
        }
        catch (Exception error)
        {
            call.Fail(error);
        }
    }
}
