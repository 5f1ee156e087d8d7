using EtcdNet.Grpc;
using EtcdNet.Host.Logging;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Metrics;
using EtcdNet.StateMachine.Txn;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Serilog;
using Serilog.Events;

namespace EtcdNet.Host.Rpc;

/// <summary>
/// Lines about unary calls that took too long, with etcd's texts and fields: <c>apply request took too long</c> for reads, a trace
/// with the steps of reads and writes, <c>request stats</c> for all. Writes have their line about applying where they are applied.
/// </summary>
/// <param name="read">
/// From when on a read is slow (<c>--warning-apply-duration</c>), and a request worth a trace; for that etcd has 100 ms, the default of the flag.
/// </param>
/// <param name="unary">From when on any call is slow (<c>--warning-unary-request-duration</c>).</param>
/// <param name="slowReads">Counts slow reads.</param>
/// <param name="log">Log of the process.</param>
internal sealed class SlowCalls(TimeSpan read, TimeSpan unary, Counter slowReads, ILogger log)
{
    private readonly ILogger _log = log.ForContext<SlowCalls>();

    /// <summary>Looks at a call that has just ended; a few comparisons for one that was fast.</summary>
    public void Note(GrpcCall call, GrpcStatusCode code, string message, TimeSpan took)
    {
        bool every = _log.IsEnabled(LogEventLevel.Debug);
        if ((took < read && took < unary && !every) || call.Method.Kind != GrpcMethodKind.Unary)
            return;
        var context = call.State as GrpcCallContext;
        if (took >= read && context?.Request is { } request)
        {
            NoteRead(call, code, message, took, context);
            RequestTrace.Write(_log, request, call.Answer, context, took, read);
        }
        if (took >= unary || every)
            NoteAny(call, took, context);
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

    private void NoteRead(GrpcCall call, GrpcStatusCode code, string message, TimeSpan took, GrpcCallContext context)
    {
        string? kind = context.Request switch
        {
            RangeRequest => "read-only range ",
            TxnRequest txn when RequestChecks.IsReadOnly(txn) => "read-only txn ",
            _ => null,
        };
        if (kind is null)
            return;
        slowReads.Add();
        ILogger line = _log.With(
            ("took", took), ("expected-duration", read), ("prefix", kind), ("request", ContentOf(context.Request)), ("response", ResponseOf(call)));
        if (code != GrpcStatusCode.OK)
            line = line.ForContext("error", message);
        line.Warning("apply request took too long");
    }

    private static string ResponseOf(GrpcCall call) => call.Answer switch
    {
        RangeResponse range => $"range_response_count:{range.Kvs.Count} size:{call.AnswerBytes}",
        TxnResponse txn => $"responses:<{string.Join(' ', txn.Responses.Select(static part => $"range_response_count:{part.ResponseRange?.Kvs.Count ?? 0}"))}> size:{call.AnswerBytes}",
        // An answer that was sent in pieces, or none.
        _ => call.AnswerBytes > 0 ? $"size:{call.AnswerBytes}" : "",
    };

    private void NoteAny(GrpcCall call, TimeSpan took, GrpcCallContext? context)
    {
        (long requestCount, long requestSize, long responseCount, long responseSize) = (context?.Request, call.Answer) switch
        {
            (RangeRequest range, var answer) => (0, range.CalculateSize(), (answer as RangeResponse)?.Count ?? 0, call.AnswerBytes),
            (PutRequest put, _) => (1, put.CalculateSize(), 0, call.AnswerBytes),
            (DeleteRangeRequest delete, var answer) => (0, delete.CalculateSize(), (answer as DeleteRangeResponse)?.Deleted ?? 0, call.AnswerBytes),
            (TxnRequest txn, TxnResponse answer) => Sizes(answer.Succeeded ? txn.Success : txn.Failure, call.AnswerBytes),
            _ => (-1L, -1L, -1L, -1L),
        };
        _log.With(
            ("start time", ZapFormatter.Timestamp(DateTimeOffset.UtcNow - took)), ("time spent", took), ("remote", context?.Remote ?? ""),
            ("response type", call.Method.Path), ("request count", requestCount), ("request size", requestSize), ("response count", responseCount),
            ("response size", responseSize), ("request content", ContentOf(context?.Request) ?? ""))
            .Write(took >= unary ? LogEventLevel.Warning : LogEventLevel.Debug, "request stats");
    }

    /// <summary>Of a transaction the branch counts that was taken.</summary>
    private static (long, long, long, long) Sizes(RepeatedField<RequestOp> branch, int responseSize) =>
        (branch.Count, branch.Sum(static part => (long)part.CalculateSize()), 0, responseSize);
}
