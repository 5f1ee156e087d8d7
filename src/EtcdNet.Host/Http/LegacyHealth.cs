using EtcdNet.Host.Logging;
using EtcdNet.Server.Metrics;
using Microsoft.AspNetCore.Http;
using Serilog;

namespace EtcdNet.Host.Http;

/// <summary><c>/health</c>: alarms, then the leader, then a read.</summary>
internal sealed class LegacyHealth(IHealthProbe probe, ServerMetrics metrics, ILogger log)
{
    private readonly ILogger log = log.ForContext<LegacyHealth>();

    public async ValueTask HandleAsync(HttpContext context)
    {
        if (!HttpAnswer.AllowGet(context)) return;
        var reason = await ReasonAsync(context);
        if (reason.Length == 0)
        {
            metrics.Health.HealthSuccess.Add();
            HttpAnswer.Plain(context, StatusCodes.Status200OK, """{"health":"true","reason":""}""");
            return;
        }
        metrics.Health.HealthFailures.Add();
        log.With(("reason", reason)).Warning("serving /health false");
        HttpAnswer.Text(context, StatusCodes.Status503ServiceUnavailable, $$"""{"health":"false","reason":{{JsonText.Quote(reason)}}}""" + "\n");
    }

    /// <summary>Why the member is not healthy; empty when it is.</summary>
    private async ValueTask<string> ReasonAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var serializable = query["serializable"] == "true";
        var alarm = probe.Alarms.Order(StringComparer.Ordinal).Reverse().FirstOrDefault(alarm => !query["exclude"].Contains(alarm));
        if (alarm is not null) return $"ALARM {alarm}";
        if (!serializable && !probe.HasLeader) return "RAFT NO LEADER";
        var error = await HealthChecks.ReadErrorAsync(
            serializable ? probe.ReadSerializableAsync : probe.ReadLinearizableAsync, context.RequestAborted);
        return error is null ? "" : $"RANGE ERROR:{error}";
    }
}
