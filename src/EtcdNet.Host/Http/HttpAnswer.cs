using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace EtcdNet.Host.Http;

/// <summary>Answers in the form that Go's HTTP server gives them.</summary>
internal static class HttpAnswer
{
    private const string PlainText = "text/plain; charset=utf-8";

    /// <summary>Plain text that browsers must not take for something else.</summary>
    public static void Text(HttpContext context, int status, string text)
    {
        context.Response.Headers.XContentTypeOptions = "nosniff";
        Write(context, status, PlainText, text);
    }

    /// <summary>An answer with a body that is known as a whole.</summary>
    public static void Write(HttpContext context, int status, string contentType, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        context.Response.ContentLength = bytes.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) context.Response.BodyWriter.Write(bytes);
    }

    /// <summary>Plain text without the header that forbids sniffing; etcd answers /health so.</summary>
    public static void Plain(HttpContext context, int status, string text) => Write(context, status, PlainText, text);

    /// <summary>What Go's server says to a path that it does not know.</summary>
    public static void NotFound(HttpContext context) => Text(context, StatusCodes.Status404NotFound, "404 page not found\n");

    /// <summary>What Go's server says to a folder without its slash.</summary>
    public static void MovedTo(HttpContext context, string path)
    {
        context.Response.Headers.Location = path;
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
            Write(context, StatusCodes.Status301MovedPermanently, "text/html; charset=utf-8", $"<a href=\"{path}\">Moved Permanently</a>.\n\n");
        else
            context.Response.StatusCode = StatusCodes.Status301MovedPermanently;
    }

    /// <summary>True for GET; anything else is answered with 405.</summary>
    public static bool AllowGet(HttpContext context)
    {
        if (HttpMethods.IsGet(context.Request.Method)) return true;
        context.Response.Headers.Allow = "GET";
        Text(context, StatusCodes.Status405MethodNotAllowed, "Method Not Allowed\n");
        return false;
    }
}
