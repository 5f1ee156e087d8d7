using System.Buffers;
using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using EtcdNet.Grpc;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EtcdNet.Host.Gateway;

/// <summary>
/// A WebSocket (RFC 6455) as the carrier of one request: what the client sends is the body, each line of the answer is one
/// text message. A token may come as the subprotocols <c>Bearer, TOKEN</c>, since browsers cannot set headers there.
/// </summary>
internal sealed class WebSocketExchange : GatewayExchange
{
    private const string AcceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    private const string BearerProtocol = "Bearer";
    private const int ReceiveBytes = 4096;

    private readonly WebSocket _socket;
    private readonly CancellationToken _aborted;
    private readonly Pipe _body = new();
    private readonly Pipe _lines = new();

    private WebSocketExchange(WebSocket socket, CancellationToken aborted)
    {
        _socket = socket;
        _aborted = aborted;
    }

    public override PipeReader Body => _body.Reader;

    public override PipeWriter Output => _lines.Writer;

    public override CancellationToken Aborted => _aborted;

    public static bool IsUpgrade(HttpRequest request) =>
        HttpMethods.IsGet(request.Method)
        && request.HttpContext.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true }
        && request.Headers.Upgrade.ToString().Equals("websocket", StringComparison.OrdinalIgnoreCase)
        && request.Headers.SecWebSocketKey.Count == 1;

    /// <summary>Upgrades the connection and runs the request on it to the end.</summary>
    public static async Task RunAsync(HttpContext context, Func<GatewayExchange, Task> run)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.SecWebSocketAccept = Accept(context.Request.Headers.SecWebSocketKey.ToString());
        headers.Upgrade = "websocket";
        headers.Connection = "Upgrade";
        string? protocol = TakeToken(context.Request.Headers);
        if (protocol is not null)
            headers.SecWebSocketProtocol = protocol;
        Stream stream = await context.Features.Get<IHttpUpgradeFeature>()!.UpgradeAsync().ConfigureAwait(false);
        using var socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true, SubProtocol = protocol });
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        var exchange = new WebSocketExchange(socket, gone.Token);
        Task receive = exchange.ReceiveAsync(gone);
        Task send = exchange.SendAsync();
        try
        {
            await run(exchange).ConfigureAwait(false);
        }
        finally
        {
            exchange._lines.Writer.Complete();
            await send.ConfigureAwait(false);
            await gone.CancelAsync().ConfigureAwait(false);
            await receive.ConfigureAwait(false);
        }
    }

    public override void Begin(GrpcStatusCode code, string message, long? length)
    {
        // The upgrade was the header; an error is told in the text.
    }

    /// <summary>The answer to the client's key (RFC 6455 section 4.2.2), which asks for SHA-1.</summary>
    private static string Accept(string key)
    {
#pragma warning disable CA5350
        return Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key.Trim() + AcceptSuffix)));
#pragma warning restore CA5350
    }

    private static string? TakeToken(IHeaderDictionary headers)
    {
        string[] protocols = headers.SecWebSocketProtocol.ToString().Split(',', StringSplitOptions.TrimEntries);
        if (protocols is not [BearerProtocol, var token])
            return null;
        headers.Authorization = $"{BearerProtocol} {token}";
        return BearerProtocol;
    }

    private async Task ReceiveAsync(CancellationTokenSource gone)
    {
        try
        {
            while (true)
            {
                ValueWebSocketReceiveResult part = await _socket
                    .ReceiveAsync(_body.Writer.GetMemory(ReceiveBytes), gone.Token).ConfigureAwait(false);
                if (part.MessageType == WebSocketMessageType.Close)
                    break;
                _body.Writer.Advance(part.Count);
                if (part.EndOfMessage)
                    _body.Writer.Write("\n"u8);
                FlushResult flushed = await _body.Writer.FlushAsync(gone.Token).ConfigureAwait(false);
                if (flushed.IsCompleted)
                    break;
            }
        }
        catch (Exception error) when (error is OperationCanceledException or WebSocketException or IOException)
        {
            // The request has ended, or the client is gone without a word.
        }
        _body.Writer.Complete();
        await gone.CancelAsync().ConfigureAwait(false);
    }

    private async Task SendAsync()
    {
        try
        {
            bool more = true;
            while (more)
            {
                ReadResult read = await _lines.Reader.ReadAsync(_aborted).ConfigureAwait(false);
                ReadOnlySequence<byte> rest = read.Buffer;
                while (rest.PositionOf((byte)'\n') is { } end)
                {
                    await SendTextAsync(rest.Slice(0, end)).ConfigureAwait(false);
                    rest = rest.Slice(rest.GetPosition(1, end));
                }
                more = !read.IsCompleted;
                if (!more && !rest.IsEmpty)
                    await SendTextAsync(rest).ConfigureAwait(false);
                _lines.Reader.AdvanceTo(more ? rest.Start : rest.End, rest.End);
            }
            await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, _aborted).ConfigureAwait(false);
        }
        catch (Exception error) when (error is OperationCanceledException or WebSocketException or IOException)
        {
            // The client is gone: the request hears of it by its token.
        }
        _lines.Reader.Complete();
    }

    private async ValueTask SendTextAsync(ReadOnlySequence<byte> text)
    {
        foreach (ReadOnlyMemory<byte> part in text)
            await _socket.SendAsync(part, WebSocketMessageType.Text, endOfMessage: false, _aborted).ConfigureAwait(false);
        await _socket.SendAsync(ReadOnlyMemory<byte>.Empty, WebSocketMessageType.Text, endOfMessage: true, _aborted).ConfigureAwait(false);
    }
}
