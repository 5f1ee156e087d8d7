using System.IO.Pipelines;
using EtcdNet.Grpc;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace EtcdNet.Host.Gateway;

/// <summary>An ordinary HTTP request.</summary>
internal sealed class HttpExchange(HttpContext context) : GatewayExchange
{
    public override PipeReader Body => context.Request.BodyReader;

    public override PipeWriter Output => context.Response.BodyWriter;

    public override CancellationToken Aborted => context.RequestAborted;

    public override void Begin(GrpcStatusCode code, string message, long? length)
    {
        HttpResponse response = context.Response;
        response.StatusCode = GatewayStatus.Of(code);
        response.ContentType = "application/json";
        response.ContentLength = length;
        if (code == GrpcStatusCode.OK)
            response.Headers["Grpc-Metadata-Content-Type"] = "application/grpc";
        // A text of a client in it must not become a header of its own.
        if (code == GrpcStatusCode.Unauthenticated && !message.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            response.Headers[HeaderNames.WWWAuthenticate] = message;
    }
}
