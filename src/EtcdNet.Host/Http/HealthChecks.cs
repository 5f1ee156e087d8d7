using System.Text;
using EtcdNet.Host.Logging;
using EtcdNet.Server.Metrics;
using Microsoft.AspNetCore.Http;
using Serilog;

namespace EtcdNet.Host.Http;

/// <summary><c>/livez</c> and <c>/readyz</c> with their single checks, as in etcd 3.5.11 and 3.6.</summary>
/// <remarks>NOSPACE does not make a member unready: it still answers reads and deletes.</remarks>
internal sealed class HealthChecks
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);
    private readonly IHealthProbe probe;
    private readonly ServerMetrics metrics;
    private readonly ILogger log;
    private readonly Dictionary<string, Check[]> checks;

    public HealthChecks(IHealthProbe probe, ServerMetrics metrics, ILogger log)
    {
        this.probe = probe;
        this.metrics = metrics;
        this.log = log.ForContext<HealthChecks>();
        var serializable = new Check("serializable_read", cancellation => ReadAsync(probe.ReadSerializableAsync, cancellation));
        checks = new(StringComparer.Ordinal)
        {
            ["livez"] = [serializable],
            ["readyz"] =
            [
                new Check("data_corruption", _ => ValueTask.FromResult(probe.Alarms.Contains("CORRUPT") ? "alarm activated: CORRUPT" : null)),
                serializable,
                new Check("linearizable_read", cancellation => ReadAsync(probe.ReadLinearizableAsync, cancellation)),
                new Check("non_learner", _ => ValueTask.FromResult(this.probe.IsLearner ? "not supported for learner" : null)),
            ],
        };
    }

    /// <summary>Answers <c>/livez</c>, <c>/readyz</c> or one check of them; false when <paramref name="path"/> is none of these.</summary>
    public async ValueTask<bool> TryHandleAsync(HttpContext context, string path)
    {
        var parts = path.TrimStart('/').Split('/');
        if (parts.Length > 2 || !checks.TryGetValue(parts[0], out var wanted)) return false;
        if (parts.Length == 2)
        {
            wanted = wanted.Where(check => check.Name == parts[1]).ToArray();
            if (wanted.Length == 0) return false;
        }
        if (!HttpAnswer.AllowGet(context)) return true;

        var (healthy, report) = await RunAsync(context, parts[0], wanted);
        if (!healthy)
        {
            log.With(("path", path), ("reason", report), ("status-code", StatusCodes.Status503ServiceUnavailable)).Error("Health check error");
            HttpAnswer.Text(context, StatusCodes.Status503ServiceUnavailable, report + "\n");
        }
        else
        {
            HttpAnswer.Text(context, StatusCodes.Status200OK, context.Request.Query.ContainsKey("verbose") ? report + "ok\n" : "ok\n");
        }
        return true;
    }

    private async Task<(bool Healthy, string Report)> RunAsync(HttpContext context, string type, Check[] wanted)
    {
        var excluded = context.Request.Query["exclude"].ToHashSet(StringComparer.Ordinal);
        var unknown = excluded.Where(name => wanted.All(check => check.Name != name)).ToArray();
        if (unknown.Length > 0) log.With(("exclude", unknown)).Warning("some health checks cannot be excluded");
        var healthy = true;
        var report = new StringBuilder();
        foreach (var check in wanted)
        {
            if (excluded.Contains(check.Name)) continue;
            var error = await check.Run(context.RequestAborted);
            metrics.ObserveHealthCheck(type, check.Name, error is null);
            report.Append(error is null ? $"[+]{check.Name} ok\n" : $"[-]{check.Name} failed: {error}\n");
            healthy &= error is null;
        }
        return (healthy, report.ToString());
    }

    private static async ValueTask<string?> ReadAsync(Func<CancellationToken, ValueTask> read, CancellationToken aborted) =>
        await ReadErrorAsync(read, aborted) is { } error ? $"range error: {error}" : null;

    /// <summary>Error of a read within the time limit, or null. A check never throws: it is there to tell.</summary>
    internal static async ValueTask<string?> ReadErrorAsync(Func<CancellationToken, ValueTask> read, CancellationToken aborted)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        limited.CancelAfter(Timeout);
        try
        {
            await read(limited.Token);
            return null;
        }
        catch (OperationCanceledException)
        {
            return "etcdserver: request timed out";
        }
#pragma warning disable CA1031 // Whatever the read throws is the answer to the question.
        catch (Exception error)
#pragma warning restore CA1031
        {
            return error.Message;
        }
    }

    private sealed record Check(string Name, Func<CancellationToken, ValueTask<string?>> Run);
}
