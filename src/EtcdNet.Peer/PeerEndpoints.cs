using System.Globalization;
using System.Text.Json;
using EtcdNet.Server;
using EtcdNet.StateMachine.Cluster;
using Microsoft.AspNetCore.Http;

namespace EtcdNet.Peer;

/// <summary>
/// What a member answers on its peer port (2380) to questions that need no stream: who the members are, which version
/// runs here, and whether anybody is there at all. Bytes as etcd's (surface section 5.1); client requests are not
/// served here.
/// </summary>
/// <param name="members">The members.</param>
/// <param name="clusterId">Sent with every answer, so that a member of another cluster notices.</param>
/// <param name="versionJson">The answer of /version.</param>
/// <param name="time">For the answer of a probe.</param>
public sealed class PeerEndpoints(MemberStore members, ulong clusterId, Func<string> versionJson, TimeProvider time)
{
    private const string ClusterIdHeader = "X-Etcd-Cluster-ID";
    private const string ServerVersionHeader = "X-Server-Version";

    /// <summary>Answers one request.</summary>
    public Task HandleAsync(HttpContext context)
    {
        context.Response.Headers[ClusterIdHeader] = clusterId.ToString("x", CultureInfo.InvariantCulture);
        context.Response.Headers[ServerVersionHeader] = EtcdVersion.Server;
        return context.Request.Path.Value switch
        {
            "/members" => IfGet(context, WriteMembers),
            "/version" => IfGet(context, buffer => buffer.WriteRawValue(versionJson())),
            "/raft/probing" => IfGet(context, WriteProbe),
            _ => WriteText(context, StatusCodes.Status404NotFound, "404 page not found\n"),
        };
    }

    private static Task IfGet(HttpContext context, Action<Utf8JsonWriter> write)
    {
        if (!HttpMethods.IsGet(context.Request.Method))
        {
            context.Response.Headers.Allow = "GET";
            return WriteText(context, StatusCodes.Status405MethodNotAllowed, "Method Not Allowed\n");
        }
        context.Response.ContentType = "application/json";
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
            write(json);
        context.Response.ContentLength = buffer.WrittenCount;
        return context.Response.Body.WriteAsync(buffer.WrittenMemory).AsTask();
    }

    private static Task WriteText(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(text);
    }

    private void WriteMembers(Utf8JsonWriter json)
    {
        json.WriteStartArray();
        foreach (Member member in members.Members)
            MemberJson.Write(json, member);
        json.WriteEndArray();
    }

    private void WriteProbe(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteBoolean("OK", true);
        json.WriteString("Now", time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture));
        json.WriteEndObject();
    }
}
