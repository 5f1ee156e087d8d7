using System.Buffers;
using EtcdNet.Grpc;
using Google.Protobuf;

namespace EtcdNet.Host.Gateway;

/// <summary>The kinds of calls between JSON and the loopback.</summary>
internal static class GatewayCalls
{
    /// <summary>One request, one answer. What follows the first value of the body is not looked at, as in etcd.</summary>
    public static async Task UnaryAsync(GatewayExchange exchange, GrpcMethod method, JsonBodyReader body, Func<GrpcLoopbackCall> start)
    {
        IMessage request = JsonMessageParser.Parse((await body.ReadAsync(exchange.Aborted).ConfigureAwait(false)).Span, method.Request);
        await using GrpcLoopbackCall call = start();
        await call.SendAsync(request).ConfigureAwait(false);
        call.CompleteRequests();
        IMessage? response = await call.ReceiveAsync(Decoder(method)).ConfigureAwait(false);
        (GrpcStatusCode code, string message) = await call.End.ConfigureAwait(false);
        if (code != GrpcStatusCode.OK)
            await GatewayAnswer.ErrorAsync(exchange, code, message).ConfigureAwait(false);
        else
            await GatewayAnswer.WholeAsync(exchange, response!).ConfigureAwait(false);
    }

    /// <summary>One request, a line for each answer.</summary>
    public static async Task ServerStreamAsync(GatewayExchange exchange, GrpcMethod method, JsonBodyReader body, Func<GrpcLoopbackCall> start)
    {
        IMessage request = JsonMessageParser.Parse((await body.ReadAsync(exchange.Aborted).ConfigureAwait(false)).Span, method.Request);
        await using GrpcLoopbackCall call = start();
        await call.SendAsync(request).ConfigureAwait(false);
        call.CompleteRequests();
        await AnswerLinesAsync(exchange, method, call).ConfigureAwait(false);
    }

    /// <summary>Requests as long as the body has some, a line for each answer, both at the same time.</summary>
    public static async Task DuplexAsync(GatewayExchange exchange, GrpcMethod method, JsonBodyReader body, Func<GrpcLoopbackCall> start)
    {
        await using GrpcLoopbackCall call = start();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(exchange.Aborted);
        Task requests = SendAllAsync(method, body, call, ended.Token);
        try
        {
            await AnswerLinesAsync(exchange, method, call).ConfigureAwait(false);
        }
        finally
        {
            // The body is read by one at a time, so nobody may be left reading when the request ends.
            await ended.CancelAsync().ConfigureAwait(false);
            await requests.ConfigureAwait(false);
        }
    }

    private static async Task SendAllAsync(GrpcMethod method, JsonBodyReader body, GrpcLoopbackCall call, CancellationToken ended)
    {
        try
        {
            while (true)
            {
                ReadOnlyMemory<byte> json = await body.ReadAsync(ended).ConfigureAwait(false);
                if (json.IsEmpty || !await call.SendAsync(JsonMessageParser.Parse(json.Span, method.Request)).ConfigureAwait(false))
                    break;
            }
        }
        catch (Exception error) when (error is GatewayRequestException or GatewayBodyTooLargeException)
        {
            // As in etcd: what cannot be read ends the requests, and what was asked before it is still answered.
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or Microsoft.AspNetCore.Http.BadHttpRequestException)
        {
            // The answers have ended or the client is gone; the other side of the call tells which.
        }
        call.CompleteRequests();
    }

    private static async Task AnswerLinesAsync(GatewayExchange exchange, GrpcMethod method, GrpcLoopbackCall call)
    {
        Func<ReadOnlySequence<byte>, IMessage> decode = Decoder(method);
        bool begun = false;
        while (await call.ReceiveAsync(decode).ConfigureAwait(false) is { } message)
        {
            if (!begun)
                exchange.Begin(GrpcStatusCode.OK, "", length: null);
            begun = true;
            if (!await GatewayAnswer.LineAsync(exchange, message).ConfigureAwait(false))
                return;
        }
        (GrpcStatusCode code, string text) = await call.End.ConfigureAwait(false);
        if (code != GrpcStatusCode.OK)
        {
            if (!begun)
                exchange.Begin(code, text, length: null);
            await GatewayAnswer.ErrorLineAsync(exchange, code, text).ConfigureAwait(false);
        }
        await exchange.FlushAsync().ConfigureAwait(false);
    }

    private static Func<ReadOnlySequence<byte>, IMessage> Decoder(GrpcMethod method) => method.Response.Parser.ParseFrom;
}
