using System.Diagnostics;
using EtcdNet.Host.Configuration;
using EtcdNet.Host.Logging;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Metrics;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Txn;
using Google.Protobuf;
using Serilog;

namespace EtcdNet.Host.Rpc;

/// <summary>
/// The line <c>trace[123] put</c> of etcd's traceutil: what a slow request asked for and where its time went. The steps are those that
/// this server has; the texts are etcd's where the step is the same.
/// </summary>
internal static class RequestTrace
{
    /// <summary>Writes the line for a range, a transaction, a write or a compaction; nothing for other requests.</summary>
    /// <param name="log">Where to.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="answer">What was answered, or null.</param>
    /// <param name="call">When its parts ended.</param>
    /// <param name="took">Time from its beginning until now.</param>
    /// <param name="threshold">What is slow; steps that are a small part of it are left out.</param>
    public static void Write(ILogger log, IMessage request, object? answer, CallContext call, TimeSpan took, TimeSpan threshold)
    {
        (string name, string detail) = Describe(request, answer);
        if (name.Length == 0)
            return;
        string id = $"trace[{Random.Shared.Next()}]";
        List<(string Text, TimeSpan Took)> all = Steps(request, call, took);
        TimeSpan least = threshold / (all.Count + 1);
        string[] steps = [.. all.Where(step => step.Took > least).Select(step => $"{id} '{step.Text}'  (duration: {GoValue.FormatDuration(step.Took)})")];
        DateTimeOffset end = DateTimeOffset.UtcNow;
        log.With(
            ("detail", detail), ("duration", took), ("start", ZapFormatter.Timestamp(end - took)), ("end", ZapFormatter.Timestamp(end)),
            ("steps", steps), ("step_count", steps.Length)).Information("{Trace:l} {Name:l}", id, name);
    }

    private static (string Name, string Detail) Describe(IMessage request, object? answer) => (request, answer) switch
    {
        (RangeRequest range, var response) => ("range", Fields(
            $"range_begin:{RequestText.Key(range.Key)}", $"range_end:{RequestText.Key(range.RangeEnd)}",
            response is RangeResponse found ? $"response_count:{found.Kvs.Count}" : null, Revision((response as RangeResponse)?.Header))),
        (PutRequest put, var response) => ("put", Fields(
            $"key:{RequestText.Key(put.Key)}", $"req_size:{put.CalculateSize()}", Revision((response as PutResponse)?.Header))),
        (DeleteRangeRequest delete, var response) => ("delete_range", Fields(
            $"key:{RequestText.Key(delete.Key)}", $"range_end:{RequestText.Key(delete.RangeEnd)}", Revision((response as DeleteRangeResponse)?.Header))),
        (TxnRequest txn, var response) => ("transaction", Fields(
            $"read_only:{(RequestChecks.IsReadOnly(txn) ? "true" : "false")}",
            response is TxnResponse done ? $"number_of_response:{done.Responses.Count}" : null, Revision((response as TxnResponse)?.Header))),
        (CompactionRequest compaction, var response) => ("compact", Fields(
            $"revision:{compaction.Revision}", Revision((response as CompactionResponse)?.Header))),
        _ => ("", ""),
    };

    private static string? Revision(ResponseHeader? header) => header is null ? null : $"response_revision:{header.Revision}";

    private static string Fields(params string?[] fields) => "{" + string.Concat(fields.Where(static field => field is not null).Select(static field => field + "; ")) + "}";

    private static List<(string Text, TimeSpan Took)> Steps(IMessage request, CallContext call, TimeSpan took)
    {
        var steps = new List<(string, TimeSpan)>();
        bool reads = request is RangeRequest || (request is TxnRequest txn && RequestChecks.IsReadOnly(txn));
        if (!reads)
        {
            if (call.ApplyStartedAt == 0)
                return [("process raft request", took)];
            TimeSpan sinceApply = Stopwatch.GetElapsedTime(call.ApplyStartedAt);
            steps.Add(("process raft request", took - sinceApply));
            steps.Add(("apply the request to the store", call.ApplyTook));
            steps.Add((request is CompactionRequest { Physical: true } ? "physically toApply compaction" : "publish the result and answer", sinceApply - call.ApplyTook));
            return steps;
        }
        TimeSpan rest = took;
        if (call.ReadConfirmedAt != 0)
        {
            rest = Stopwatch.GetElapsedTime(call.ReadConfirmedAt);
            steps.Add(("agreement among raft nodes before linearized reading", took - rest));
        }
        steps.Add(("range keys from in-memory index tree", rest));
        return steps;
    }
}
