using EtcdNet.Grpc.Transport;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace EtcdNet.Grpc.Internal;

/// <summary>
/// What Kestrel calls for every request: gRPC goes to the method table, all else to the fallback. Stands directly on
/// Kestrel, without the middleware pipeline, because that costs more than the rest of a small call.
/// </summary>
internal sealed class GrpcApplication(
    HostState host, MethodTable methods, RequestDelegate? fallback, IServiceScopeFactory scopes)
    : IHttpApplication<GrpcCall>
{
    private const string GrpcContentType = "application/grpc";

    private readonly GrpcLoopback _loopback = new(host);

    public GrpcCall CreateContext(IFeatureCollection contextFeatures)
    {
        GrpcCall call;
        if (contextFeatures is IHostContextContainer<GrpcCall> container)
            call = container.HostContext ??= new GrpcCall(host);
        else
            call = new GrpcCall(host);
        call.Attach(contextFeatures);
        call.Connection?.StreamStarted();
        return call;
    }

    public Task ProcessRequestAsync(GrpcCall context)
    {
        var request = context.Request;
        bool isHttp2 = request.Protocol == "HTTP/2";
        var connection = context.Connection;
        if (isHttp2 && connection is not { ServesGrpc: false })
        {
            string contentType = request.Headers.ContentType.ToString();
            if (IsGrpc(contentType))
                return CallAsync(context, contentType);
            if (connection is { IsCleartext: true } or { ServesHttp: false })
            {
                RefuseContentType(context, contentType);
                return Task.CompletedTask;
            }
        }

        return FallBackAsync(context);
    }

    public void DisposeContext(GrpcCall context, Exception? exception)
    {
        var features = context.Features;
        context.Connection?.StreamEnded();
        if (!context.Detach() && features is IHostContextContainer<GrpcCall> container)
            container.HostContext = null;
    }

    private static bool IsGrpc(string contentType) =>
        contentType.StartsWith(GrpcContentType, StringComparison.OrdinalIgnoreCase)
        && (contentType.Length == GrpcContentType.Length || contentType[GrpcContentType.Length] is '+' or ';');

    /// <summary>grpc-go's answer to a request on a gRPC-only transport that is not gRPC.</summary>
    private static void RefuseContentType(GrpcCall call, string contentType)
    {
        call.Response.Headers.ContentType = GrpcContentType;
        call.Refuse(
            GrpcStatusCode.InvalidArgument,
            $"invalid gRPC request content-type \"{contentType}\"",
            StatusCodes.Status415UnsupportedMediaType);
    }

    private Task CallAsync(GrpcCall call, string contentType)
    {
        var request = call.Request;
        call.Response.Headers.ContentType = contentType;
        if (request.Method != HttpMethods.Post)
        {
            call.Refuse(
                GrpcStatusCode.Internal,
                $"Received a HEADERS frame with :method \"{request.Method}\" which should be POST",
                StatusCodes.Status405MethodNotAllowed);
            return Task.CompletedTask;
        }

        if (!AcceptTimeout(call, request.Headers.GrpcTimeout.ToString()))
            return Task.CompletedTask;
        if (host.IsStopping)
        {
            call.Refuse(GrpcStatusCode.Unavailable, host.Options.ShutdownMessage);
            return Task.CompletedTask;
        }

        if (!methods.TryFind(request.RawTarget, out var method))
        {
            call.Refuse(GrpcStatusCode.Unimplemented, methods.WhyNot(request.RawTarget));
            return Task.CompletedTask;
        }

        call.Begin(method);
        return AcceptEncoding(call, request.Headers.GrpcEncoding.ToString())
            ? method.InvokeAsync(call)
            : Task.CompletedTask;
    }

    private static bool AcceptTimeout(GrpcCall call, string timeoutText)
    {
        if (timeoutText.Length == 0)
            return true;
        if (GrpcTimeout.TryParse(timeoutText, out var timeout))
        {
            call.SetTimeout(timeout);
            return true;
        }

        call.Refuse(
            GrpcStatusCode.Internal, $"malformed grpc-timeout: {timeoutText}", StatusCodes.Status400BadRequest);
        return false;
    }

    private static bool AcceptEncoding(GrpcCall call, string encoding)
    {
        switch (encoding)
        {
            case "" or "identity":
                return true;
            case "gzip":
                call.RequestIsGzip = true;
                return true;
            default:
                call.Response.Headers.GrpcAcceptEncoding = "identity,gzip";
                call.Complete(
                    GrpcStatusCode.Unimplemented,
                    $"grpc: Decompressor is not installed for grpc-encoding \"{encoding}\"");
                return false;
        }
    }

    private Task FallBackAsync(GrpcCall call)
    {
        if (fallback is null || call.Connection is { ServesHttp: false })
        {
            call.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        call.Features.Set(_loopback);
        return fallback(new DefaultHttpContext(call.Features) { ServiceScopeFactory = scopes });
    }
}
