using EtcdNet.Peer.Transport;
using EtcdNet.Peer.Wire;
using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace EtcdNet.Peer.Listening;

/// <summary>
/// The listening side of the transport: <c>/raft</c>, <c>/raft/stream/…</c>, <c>/raft/snapshot</c>. Codes and texts of refusals are
/// etcd's (surface section 5.2), in etcd's order.
/// </summary>
internal sealed class RaftEndpoints(PeerTransport transport)
{
    private const string StreamPath = "/raft/stream/";
    private const int ReadBufferBytes = 128 << 10;

    private readonly PeerTransportOptions _options = transport.Options;
    private readonly PeerMetrics _metrics = transport.Metrics;

    /// <summary>Answers the request if its path is one of these. The headers with version and cluster id are set already.</summary>
    /// <returns>Null when the path belongs to somebody else.</returns>
    public Task? TryHandleAsync(HttpContext context) => context.Request.Path.Value switch
    {
        "/raft" => IfAllowed(context, "POST", ReceiveMessageAsync),
        "/raft/snapshot" => IfAllowed(context, "POST", ReceiveSnapshotAsync),
        { } path when path.StartsWith(StreamPath, StringComparison.Ordinal) => IfAllowed(context, "GET", ServeStreamAsync),
        _ => null,
    };

    private Task IfAllowed(HttpContext context, string method, Func<HttpContext, Task> handle)
    {
        if (context.Request.Method != method)
        {
            context.Response.Headers.Allow = method;
            return PlainText.WriteAsync(context, StatusCodes.Status405MethodNotAllowed, "Method Not Allowed");
        }

        var headers = context.Request.Headers;
        var why = PeerHeaders.WhyRefused(_options, headers[PeerHeaders.ServerVersion], headers[PeerHeaders.MinClusterVersion], headers[PeerHeaders.ClusterId]);
        return why is null ? handle(context) : PlainText.WriteAsync(context, StatusCodes.Status412PreconditionFailed, why);
    }

    private async Task ServeStreamAsync(HttpContext context)
    {
        var parts = context.Request.Path.Value![StreamPath.Length..].Split('/');
        StreamKind? kind = parts switch
        {
            ["msgapp", _] => StreamKind.Append,
            ["message", _] => StreamKind.Message,
            _ => null,
        };
        var (status, refusal, peer) = Judge(context, kind, parts[^1]);
        if (peer is null)
        {
            await PlainText.WriteAsync(context, status, refusal).ConfigureAwait(false);
            return;
        }

        var response = context.Response;
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        response.StatusCode = StatusCodes.Status200OK;
        await response.StartAsync(context.RequestAborted).ConfigureAwait(false);
        await response.BodyWriter.FlushAsync(context.RequestAborted).ConfigureAwait(false);
        await peer.ServeAsync(kind!.Value, response.BodyWriter, context.Request.Headers[PeerHeaders.ServerVersion], context.RequestAborted).ConfigureAwait(false);

        // The other end must see a break, not the proper end of an answer: it opens the stream anew then, at once.
        context.Abort();
    }

    private (int Status, string Refusal, RemotePeer? Peer) Judge(HttpContext context, StreamKind? kind, string sender)
    {
        if (kind is null)
            return (StatusCodes.Status404NotFound, "invalid path", null);
        if (!PeerHeaders.TryParseId(sender, out var from))
            return (StatusCodes.Status404NotFound, "invalid from", null);
        if (transport.Receiver.IsRemoved(from))
            return (StatusCodes.Status410Gone, "removed member", null);
        if (transport.FindMember(from) is not { } peer)
        {
            transport.AddStranger(from, context.Request.Headers[PeerHeaders.PeerUrls]);
            return (StatusCodes.Status404NotFound, "error sender not found", null);
        }

        return context.Request.Headers[PeerHeaders.To] == PeerHeaders.Hex(_options.MemberId)
            ? (StatusCodes.Status200OK, "", peer)
            : (StatusCodes.Status412PreconditionFailed, "to field mismatch", null);
    }

    private async Task ReceiveMessageAsync(HttpContext context)
    {
        var sender = Sender(context);
        byte[]? body;
        try
        {
            body = await ReadBodyAsync(context).ConfigureAwait(false);
        }
        catch (IOException)
        {
            body = null;
        }

        if (body is null)
        {
            await PlainText.WriteAsync(context, StatusCodes.Status400BadRequest, "error reading raft message").ConfigureAwait(false);
            return;
        }

        Message message;
        try
        {
            message = MessageCodec.Read(body);
        }
        catch (InvalidDataException)
        {
            await PlainText.WriteAsync(context, StatusCodes.Status400BadRequest, "error unmarshalling raft message").ConfigureAwait(false);
            return;
        }

        _metrics.ReceivedBytes.With(PeerHeaders.Hex(message.From)).Add(body.Length);
        await AnswerAsync(context, transport.Receiver.Receive(sender == 0 ? message.From : sender, message), "error processing raft message").ConfigureAwait(false);
    }

    private async Task ReceiveSnapshotAsync(HttpContext context)
    {
        // A snapshot is as large as the database, and may be sent slowly on purpose.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = null;
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        var sender = Sender(context);
        Message message;
        try
        {
            message = await SnapshotFrame.ReadAsync(context.Request.Body, context.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            await PlainText.WriteAsync(context, StatusCodes.Status400BadRequest, $"failed to read raft message ({e.Message})").ConfigureAwait(false);
            return;
        }

        if (message.Type != MessageType.Snap)
        {
            await PlainText.WriteAsync(context, StatusCodes.Status400BadRequest, "wrong raft message type").ConfigureAwait(false);
            return;
        }

        await SaveSnapshotAsync(context, sender == 0 ? message.From : sender, message).ConfigureAwait(false);
    }

    private async Task SaveSnapshotAsync(HttpContext context, ulong sender, Message message)
    {
        var label = PeerHeaders.Hex(sender);
        var started = _options.Time.GetTimestamp();
        _metrics.SnapshotReceivesInFlight.With(label).Add(1);
        try
        {
            var verdict = PeerVerdict.Stopped;
            using var body = new BufferedStream(new BlockingReadStream(context.Request.Body, _options, context.RequestAborted), ReadBufferBytes);
            await BlockingThread.RunAsync("snapshot-receive", () => verdict = transport.Receiver.ReceiveSnapshot(sender, message, body)).ConfigureAwait(false);
            (verdict == PeerVerdict.Taken ? _metrics.SnapshotReceives : _metrics.SnapshotReceiveFailures).With(label).Add();
            _metrics.SnapshotReceiveDuration.With(label).Observe(_options.Time.GetElapsedTime(started));
            await AnswerAsync(context, verdict, "failed to process raft message").ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or OperationCanceledException)
        {
            _metrics.SnapshotReceiveFailures.With(label).Add();
            await PlainText.WriteAsync(context, StatusCodes.Status500InternalServerError, $"failed to save KV snapshot ({e.Message})").ConfigureAwait(false);
        }
        finally
        {
            _metrics.SnapshotReceivesInFlight.With(label).Add(-1);
        }
    }

    private static Task AnswerAsync(HttpContext context, PeerVerdict verdict, string failure)
    {
        switch (verdict)
        {
            case PeerVerdict.Taken:
                context.Response.StatusCode = StatusCodes.Status204NoContent;
                return Task.CompletedTask;
            case PeerVerdict.Removed:
                return ForbidAsync(context, "cannot process message from removed member");
            case PeerVerdict.Refused:
                return ForbidAsync(context, "cannot process message to mismatch member");
            default:
                return PlainText.WriteAsync(context, StatusCodes.Status500InternalServerError, failure);
        }
    }

    private static Task ForbidAsync(HttpContext context, string text)
    {
        context.Response.StatusCode = StatusCodes.Status403Forbidden;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync($"{{\"message\":\"{text}\"}}");
    }

    /// <summary>The member that asks, 0 when it does not say. Who is unknown here but names its URLs becomes known as a stranger.</summary>
    private ulong Sender(HttpContext context)
    {
        if (!PeerHeaders.TryParseId(context.Request.Headers[PeerHeaders.From], out var from))
            return 0;
        transport.AddStranger(from, context.Request.Headers[PeerHeaders.PeerUrls]);
        return from;
    }

    /// <summary>Null when the body is larger than any message.</summary>
    private static async Task<byte[]?> ReadBodyAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = (long)FrameReader.MaxFrame;
        if (context.Request.ContentLength > (long)FrameReader.MaxFrame)
            return null;
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted).ConfigureAwait(false);
        return body.ToArray();
    }
}
