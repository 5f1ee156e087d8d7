using System.Collections.Frozen;
using EtcdNet.Grpc;
using EtcdNet.Host.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EtcdNet.Host.Gateway;

/// <summary>
/// JSON over HTTP/1 for every method that has a path, as etcd's grpc-gateway serves it. A call goes through the loopback of
/// the gRPC host, so that nothing that holds for gRPC (tokens, limits, metrics) can be forgotten here.
/// </summary>
internal sealed class JsonGateway(IEnumerable<GrpcMethod> methods)
{
    private const string Root = "/v3/";
    private const string OldRoot = "/v3beta/";

    private readonly FrozenDictionary<string, GrpcMethod> _routes = GatewayRoutes.For(methods);

    /// <summary>Answers what is under <c>/v3/</c>; false for any other path.</summary>
    public async ValueTask<bool> TryHandleAsync(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "";
        if (path.StartsWith(OldRoot, StringComparison.Ordinal))
            path = Root + path[OldRoot.Length..];
        if (path == "/v3")
        {
            HttpAnswer.MovedTo(context, Root);
            return true;
        }
        if (!path.StartsWith(Root, StringComparison.Ordinal))
            return false;
        if (WebSocketExchange.IsUpgrade(context.Request))
            await WebSocketExchange.RunAsync(context, exchange => RunAsync(context, exchange, path, HttpMethods.Post)).ConfigureAwait(false);
        else
            await RunAsync(context, new HttpExchange(context), path, context.Request.Method).ConfigureAwait(false);
        return true;
    }

    private async Task RunAsync(HttpContext context, GatewayExchange exchange, string path, string verb)
    {
        try
        {
            if (!_routes.TryGetValue(path, out GrpcMethod? method))
            {
                await GatewayAnswer.ErrorAsync(exchange, GrpcStatusCode.NotFound, "Not Found").ConfigureAwait(false);
            }
            else if (!HttpMethods.IsPost(verb) && !HttpMethods.IsPut(verb))
            {
                // etcd takes POST only; its users type PUT for a put all the same.
                await GatewayAnswer.ErrorAsync(exchange, GrpcStatusCode.Unimplemented, "Method Not Allowed").ConfigureAwait(false);
            }
            else
            {
                await CallAsync(context, exchange, method).ConfigureAwait(false);
            }
        }
        catch (GatewayRequestException error)
        {
            await GatewayAnswer.ErrorAsync(exchange, GrpcStatusCode.InvalidArgument, error.Message).ConfigureAwait(false);
        }
        catch (GatewayBodyTooLargeException error)
        {
            await GatewayAnswer.ErrorAsync(exchange, GrpcStatusCode.ResourceExhausted, error.Message).ConfigureAwait(false);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or BadHttpRequestException)
        {
            // The client is gone or has broken the protocol; nobody is left to hear of it.
            context.Abort();
        }
    }

    private static async Task CallAsync(HttpContext context, GatewayExchange exchange, GrpcMethod method)
    {
        GrpcLoopback loopback = context.Features.Get<GrpcLoopback>()
            ?? throw new InvalidOperationException("the gateway stands behind a gRPC host");
        HeaderDictionary metadata = GatewayMetadata.Of(context.Request.Headers);
        TimeSpan? timeout = GatewayMetadata.Timeout(context.Request.Headers);
        // Base64 takes a third more, and a pretty printer some blanks.
        using var body = new JsonBodyReader(exchange.Body, checked(2 * loopback.MaxReceiveMessageSize));
        Func<GrpcLoopbackCall> start = () => loopback.Start(method, metadata, timeout, context.Features, exchange.Aborted);
        Task run = method.Kind switch
        {
            GrpcMethodKind.Unary => GatewayCalls.UnaryAsync(exchange, method, body, start),
            GrpcMethodKind.ServerStreaming => GatewayCalls.ServerStreamAsync(exchange, method, body, start),
            _ => GatewayCalls.DuplexAsync(exchange, method, body, start),
        };
        await run.ConfigureAwait(false);
    }
}
