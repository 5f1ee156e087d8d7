using Microsoft.AspNetCore.Http;

namespace EtcdNet.Peer.Listening;

/// <summary>Errors as Go's HTTP server writes them.</summary>
internal static class PlainText
{
    public static Task WriteAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return context.Response.WriteAsync(text + "\n");
    }
}
