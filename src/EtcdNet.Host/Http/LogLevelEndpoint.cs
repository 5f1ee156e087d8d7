using System.Text.Json;
using EtcdNet.Host.Logging;
using Microsoft.AspNetCore.Http;
using Serilog;
using Serilog.Core;

namespace EtcdNet.Host.Http;

/// <summary>
/// <c>PUT /config/local/log</c> with <c>{"Level":"DEBUG"}</c> changes the level of the log while the server runs, as in etcd 3.4; later
/// releases lost it. Nothing is changed on disk: after a restart <c>--log-level</c> holds again.
/// </summary>
internal sealed class LogLevelEndpoint(LoggingLevelSwitch level, ILogger log)
{
    /// <summary>The path that it answers.</summary>
    public const string Path = "/config/local/log";

    private const int BodyBytesMax = 4096;

    private readonly ILogger _log = log.ForContext<LogLevelEndpoint>();

    public async Task HandleAsync(HttpContext context)
    {
        if (context.Request.Method != HttpMethods.Put)
        {
            context.Response.Headers.Allow = HttpMethods.Put;
            HttpAnswer.Text(context, StatusCodes.Status405MethodNotAllowed, "Method Not Allowed\n");
            return;
        }
        if (await ReadLevelAsync(context).ConfigureAwait(false) is not { } name)
        {
            Refuse(context, "Invalid json body");
            return;
        }
        if (!ZapLevel.TryParse(Present(name.ToLowerInvariant()), out var wanted))
        {
            Refuse(context, $"Invalid log level {name}");
            return;
        }
        level.MinimumLevel = wanted;
        _log.With(("level", ZapLevel.Name(wanted)), ("remote", context.Connection.RemoteIpAddress?.ToString() ?? "@")).Warning("the level of the log was changed by a client");
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static void Refuse(HttpContext context, string reason) =>
        HttpAnswer.Write(context, StatusCodes.Status400BadRequest, "application/json", $"{{\"message\":{JsonText.Quote(reason)}}}");

    /// <summary>The levels of etcd 3.4 that have another name today.</summary>
    private static string Present(string level) => level switch
    {
        "trace" => "debug",
        "notice" => "info",
        "warning" => "warn",
        "critical" => "fatal",
        _ => level,
    };

    private static async ValueTask<string?> ReadLevelAsync(HttpContext context)
    {
        var body = new byte[BodyBytesMax];
        var length = await context.Request.Body.ReadAtLeastAsync(body, BodyBytesMax, throwOnEndOfStream: false, context.RequestAborted).ConfigureAwait(false);
        try
        {
            using var document = JsonDocument.Parse(body.AsMemory(0, length));
            return document.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("Level", out var value)
                && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
