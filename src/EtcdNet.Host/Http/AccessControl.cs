using Microsoft.AspNetCore.Http;

namespace EtcdNet.Host.Http;

/// <summary>
/// What browsers may do: CORS headers, and on plain HTTP the check of the Host header, which stops a web page from
/// reaching a local server under a name of its own (DNS rebinding).
/// </summary>
public sealed class AccessControl(IReadOnlySet<string> origins, IReadOnlySet<string> hosts)
{
    private const string Any = "*";

    /// <summary>Sets the headers; true when the request is thereby answered (OPTIONS, or a host that is not allowed).</summary>
    public bool TryAnswer(HttpContext context)
    {
        if (!context.Request.IsHttps && !hosts.Contains(Any) && !hosts.Contains(context.Request.Host.Host))
        {
            HttpAnswer.Text(context, StatusCodes.Status421MisdirectedRequest,
                $"The host name \"{context.Request.Host.Host}\" is not accepted here. Use TLS, or add the name to --host-whitelist.\n");
            return true;
        }
        var origin = context.Request.Headers.Origin.ToString();
        if (origins.Contains(Any)) AddHeaders(context, Any);
        else if (origin.Length > 0 && origins.Contains(origin)) AddHeaders(context, origin);
        if (!HttpMethods.IsOptions(context.Request.Method)) return false;
        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Response.ContentLength = 0;
        return true;
    }

    private static void AddHeaders(HttpContext context, string origin)
    {
        var headers = context.Response.Headers;
        headers.AccessControlAllowHeaders = "accept, content-type, authorization";
        headers.AccessControlAllowMethods = "POST, GET, OPTIONS, PUT, DELETE";
        headers.AccessControlAllowOrigin = origin;
    }
}
