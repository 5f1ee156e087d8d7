using System.Globalization;
using System.Text.Json;
using EtcdNet.Peer.Transport;
using EtcdNet.Peer.Wire;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Leasepb;
using EtcdNet.Server.Membership;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace EtcdNet.Peer.Listening;

/// <summary>Answers what followers pass on to their leader; codes and texts are etcd's (surface section 5.1).</summary>
internal sealed class QuestionEndpoints(IPeerQuestions questions)
{
    private const string PromotePath = "/members/promote/";
    private const int QuestionBytesMax = 64 << 10;

    /// <returns>Null when the path belongs to somebody else.</returns>
    public Task? TryHandleAsync(HttpContext context) => context.Request.Path.Value switch
    {
        "/leases" => IfAllowed(context, "POST", RenewAsync),
        "/leases/internal" => IfAllowed(context, "POST", TimeToLiveAsync),
        "/members/hashkv" => IfAllowed(context, "GET", HashKvAsync),
        "/downgrade/enabled" => IfAllowed(context, "GET", DowngradeAsync),
        { } path when path.StartsWith(PromotePath, StringComparison.Ordinal) => IfAllowed(context, "POST", PromoteAsync),
        _ => null,
    };

    private static async Task IfAllowed(HttpContext context, string method, Func<HttpContext, Task> answer)
    {
        if (context.Request.Method != method)
        {
            context.Response.Headers.Allow = method;
            await PlainText.WriteAsync(context, StatusCodes.Status405MethodNotAllowed, "Method Not Allowed").ConfigureAwait(false);
            return;
        }

        try
        {
            await answer(context).ConfigureAwait(false);
        }
        catch (EtcdException e)
        {
            await PlainText.WriteAsync(context, StatusOf(e), TextOf(e)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or JsonException or IOException or InvalidDataException)
        {
            await PlainText.WriteAsync(context, StatusCodes.Status400BadRequest, "error unmarshalling request").ConfigureAwait(false);
        }
    }

    private async Task RenewAsync(HttpContext context)
    {
        var request = LeaseKeepAliveRequest.Parser.ParseFrom(await ReadAsync(context).ConfigureAwait(false));
        var ttl = await questions.RenewLeaseAsync(request.ID, context.RequestAborted).ConfigureAwait(false);
        if (ttl == 0)
            await PlainText.WriteAsync(context, StatusCodes.Status404NotFound, "lease not found").ConfigureAwait(false);
        else
            await WriteAsync(context, new LeaseKeepAliveResponse { ID = request.ID, TTL = ttl }).ConfigureAwait(false);
    }

    private async Task TimeToLiveAsync(HttpContext context)
    {
        var request = LeaseInternalRequest.Parser.ParseFrom(await ReadAsync(context).ConfigureAwait(false));
        var question = request.LeaseTimeToLiveRequest ?? new LeaseTimeToLiveRequest();
        if (await questions.LeaseTimeToLiveAsync(question, context.RequestAborted).ConfigureAwait(false) is { } answer)
            await WriteAsync(context, new LeaseInternalResponse { LeaseTimeToLiveResponse = answer }).ConfigureAwait(false);
        else
            await PlainText.WriteAsync(context, StatusCodes.Status404NotFound, "lease not found").ConfigureAwait(false);
    }

    private async Task PromoteAsync(HttpContext context)
    {
        var text = context.Request.Path.Value![PromotePath.Length..];
        if (!ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            await PlainText.WriteAsync(context, StatusCodes.Status404NotFound, $"member {text} not found in cluster").ConfigureAwait(false);
            return;
        }

        var members = await questions.PromoteAsync(id, context.RequestAborted).ConfigureAwait(false);
        await JsonAnswer.WriteAsync(context, json =>
        {
            json.WriteStartArray();
            foreach (var member in members)
                MemberJson.Write(json, member);
            json.WriteEndArray();
        }).ConfigureAwait(false);
    }

    // By its questions members find out whether one of them keeps something else than the others.
    private async Task HashKvAsync(HttpContext context)
    {
        string? cluster = context.Request.Headers[PeerHeaders.ClusterId];
        if (!string.IsNullOrEmpty(cluster) && cluster != PeerHeaders.Hex(questions.ClusterId))
        {
            await PlainText.WriteAsync(context, StatusCodes.Status412PreconditionFailed, PeerHeaders.ClusterMismatch).ConfigureAwait(false);
            return;
        }

        var revision = HashKvJson.ReadRevision(await ReadAsync(context).ConfigureAwait(false));
        var answer = await questions.HashKvAsync(revision, context.RequestAborted).ConfigureAwait(false);
        await JsonAnswer.WriteAsync(context, json => HashKvJson.Write(json, answer)).ConfigureAwait(false);
    }

    private Task DowngradeAsync(HttpContext context)
    {
        context.Response.ContentType = "text/plain";
        return context.Response.WriteAsync(questions.IsDowngradeEnabled ? "true" : "false");
    }

    private static async Task<byte[]> ReadAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        var chunk = new byte[4096];
        for (int count; (count = await context.Request.Body.ReadAsync(chunk, context.RequestAborted).ConfigureAwait(false)) > 0;)
        {
            body.Write(chunk, 0, count);
            if (body.Length > QuestionBytesMax)
                throw new InvalidDataException("the request is too large");
        }

        return body.ToArray();
    }

    private static Task WriteAsync(HttpContext context, IMessage answer)
    {
        var bytes = answer.ToByteArray();
        context.Response.ContentType = "application/protobuf";
        context.Response.ContentLength = bytes.Length;
        return context.Response.Body.WriteAsync(bytes).AsTask();
    }

    private static int StatusOf(EtcdException error) => error.Message switch
    {
        _ when error.Message == EtcdError.MemberNotFound.Message => StatusCodes.Status404NotFound,
        _ when error.Message == EtcdError.MemberNotLearner.Message || error.Message == EtcdError.LearnerNotReady.Message => StatusCodes.Status412PreconditionFailed,
        _ when error.Message.StartsWith(EtcdError.Timeout.Message, StringComparison.Ordinal) => StatusCodes.Status408RequestTimeout,
        _ => StatusCodes.Status400BadRequest,
    };

    /// <summary>etcd words some of them differently between members.</summary>
    private static string TextOf(EtcdException error) => error.Message switch
    {
        _ when error.Message == EtcdError.MemberNotFound.Message => "membership: ID not found",
        _ when error.Message == EtcdError.MemberNotLearner.Message => "membership: can only promote a learner member",
        _ when error.Message == EtcdError.Compacted.Message || error.Message == EtcdError.FutureRev.Message => error.Message["etcdserver: ".Length..],
        _ => error.Message,
    };
}
