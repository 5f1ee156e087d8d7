using System.Globalization;
using System.Text.Json;
using EtcdNet.Peer.Listening;
using EtcdNet.Peer.Transport;
using EtcdNet.Server;
using EtcdNet.Server.Membership;
using EtcdNet.StateMachine.Cluster;
using Microsoft.AspNetCore.Http;

namespace EtcdNet.Peer;

/// <summary>
/// What a member answers on its peer port (2380): who the members are, which version runs here, whether anybody is there at all,
/// and, with a transport, the messages and streams of Raft. Bytes as etcd's (surface section 5.1); client requests are not served
/// here.
/// </summary>
/// <param name="members">The members.</param>
/// <param name="clusterId">Sent with every answer, so that a member of another cluster notices.</param>
/// <param name="versionJson">The answer of /version.</param>
/// <param name="time">For the answer of a probe.</param>
/// <param name="transport">Takes part in the cluster; null for a member that is alone.</param>
/// <param name="questions">Answers what followers pass on; null for a member that is alone.</param>
public sealed class PeerEndpoints(
    MemberStore members, ulong clusterId, Func<string> versionJson, TimeProvider time, PeerTransport? transport = null,
    IPeerQuestions? questions = null)
{
    private readonly RaftEndpoints? _raft = transport is null ? null : new RaftEndpoints(transport);
    private readonly QuestionEndpoints? _questions = questions is null ? null : new QuestionEndpoints(questions);

    /// <summary>Answers one request.</summary>
    public Task HandleAsync(HttpContext context)
    {
        context.Response.Headers[PeerHeaders.ClusterId] = PeerHeaders.Hex(clusterId);
        context.Response.Headers[PeerHeaders.ServerVersion] = transport?.Options.ServerVersion ?? EtcdVersion.Server;
        return context.Request.Path.Value switch
        {
            "/members" => IfGet(context, WriteMembers),
            "/version" => IfGet(context, buffer => buffer.WriteRawValue(versionJson())),
            "/raft/probing" => IfGet(context, WriteProbe, "text/plain; charset=utf-8"), // as Go's server guesses it
            _ => _raft?.TryHandleAsync(context) ?? _questions?.TryHandleAsync(context)
                ?? PlainText.WriteAsync(context, StatusCodes.Status404NotFound, "404 page not found"),
        };
    }

    private static Task IfGet(HttpContext context, Action<Utf8JsonWriter> write, string contentType = JsonAnswer.ContentType)
    {
        if (!HttpMethods.IsGet(context.Request.Method))
        {
            context.Response.Headers.Allow = "GET";
            return PlainText.WriteAsync(context, StatusCodes.Status405MethodNotAllowed, "Method Not Allowed");
        }
        return JsonAnswer.WriteAsync(context, write, contentType);
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
