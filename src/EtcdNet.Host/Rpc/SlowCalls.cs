using System.Diagnostics;
using EtcdNet.Grpc;
using EtcdNet.Host.Logging;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Metrics;
using Google.Protobuf;
using Serilog;

namespace EtcdNet.Host.Rpc;

/// <summary>
/// Lines about unary calls that took too long, with etcd's texts and fields: <c>apply request took too long</c> and a trace with its
/// steps for reads, <c>request stats</c> for all. Writes have a line of their own where they are applied.
/// </summary>
/// <param name="read">From when on a read is slow (<c>--warning-apply-duration</c>).</param>
/// <param name="unary">From when on any call is slow (<c>--warning-unary-request-duration</c>).</param>
/// <param name="slowReads">Counts slow reads.</param>
/// <param name="log">Log of the process.</param>
internal sealed class SlowCalls(TimeSpan read, TimeSpan unary, Counter slowReads, ILogger log)
{
    private readonly ILogger _log = log.ForContext<SlowCalls>();

    /// <summary>Looks at a call that has just ended; a comparison or two for one that was fast.</summary>
    public void Note(GrpcMethod method, GrpcStatusCode code, TimeSpan took, GrpcCallContext? context)
    {
        if ((took < read && took < unary) || method.Kind != GrpcMethodKind.Unary)
            return;
        if (took >= read && context is not null)
            NoteRead(code, took, context);
        if (took >= unary)
            NoteAny(method, took, context);
    }

    private static string? ContentOf(IMessage? request) => request switch
    {
        RangeRequest range => RequestText.Of(range),
        PutRequest put => RequestText.Of(put),
        DeleteRangeRequest delete => RequestText.Of(delete),
        TxnRequest txn => RequestText.Of(txn),
        // Names and passwords of users are not logged.
        _ => null,
    };

    private void NoteRead(GrpcStatusCode code, TimeSpan took, GrpcCallContext context)
    {
        (string? kind, string name) = context.Request switch
        {
            RangeRequest => ("read-only range ", "range"),
            TxnRequest when context.ReadConfirmedAt != 0 => ("read-only txn ", "transaction"),
            _ => ((string?)null, ""),
        };
        if (kind is null)
            return;
        slowReads.Add();
        string content = ContentOf(context.Request)!;
        ILogger line = _log.With(("took", took), ("expected-duration", read), ("prefix", kind), ("request", content));
        if (code != GrpcStatusCode.OK)
            line = line.ForContext("error", code.ToString());
        line.Warning("apply request took too long");
        Trace(name, content, took, context);
    }

    private void Trace(string name, string content, TimeSpan took, GrpcCallContext context)
    {
        DateTimeOffset end = DateTimeOffset.UtcNow;
        string id = $"trace[{Random.Shared.Next()}]";
        var steps = new List<string>();
        TimeSpan rest = took;
        if (context.ReadConfirmedAt != 0)
        {
            rest = Stopwatch.GetElapsedTime(context.ReadConfirmedAt);
            steps.Add($"{id} 'agreement among raft nodes before linearized reading'  (duration: {GoDuration(took - rest)})");
        }
        steps.Add($"{id} 'range keys from in-memory index tree'  (duration: {GoDuration(rest)})");
        _log.With(
            ("detail", $"{{{content}; }}"), ("duration", took), ("start", (end - took).ToString("O")), ("end", end.ToString("O")),
            ("steps", steps.ToArray()), ("step_count", steps.Count)).Information("{Trace:l} {Name:l}", id, name);
    }

    private void NoteAny(GrpcMethod method, TimeSpan took, GrpcCallContext? context)
    {
        ILogger line = _log.With(
            ("start time", (DateTimeOffset.UtcNow - took).ToString("O")), ("time spent", took), ("remote", context?.Remote ?? ""), ("response type", method.Path));
        if (context?.Request is { } request)
            line = line.With(("request size", request.CalculateSize()), ("request content", ContentOf(request) ?? ""));
        line.Warning("request stats");
    }

    private static string GoDuration(TimeSpan duration) => Configuration.GoValue.FormatDuration(duration);
}
