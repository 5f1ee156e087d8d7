using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace EtcdNet.Peer.Listening;

/// <summary>An answer in JSON, whole, with its length.</summary>
internal static class JsonAnswer
{
    public const string ContentType = "application/json";

    public static Task WriteAsync(HttpContext context, Action<Utf8JsonWriter> write, string contentType = ContentType)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
            write(json);
        context.Response.ContentType = contentType;
        context.Response.ContentLength = buffer.WrittenCount;
        return context.Response.Body.WriteAsync(buffer.WrittenMemory, context.RequestAborted).AsTask();
    }
}
