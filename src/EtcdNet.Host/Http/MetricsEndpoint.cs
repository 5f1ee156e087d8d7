using EtcdNet.Server.Metrics;
using Microsoft.AspNetCore.Http;

namespace EtcdNet.Host.Http;

/// <summary><c>/metrics</c>, with the counters that Prometheus' own handler keeps of itself.</summary>
internal sealed class MetricsEndpoint
{
    private readonly MetricsRegistry registry;
    private readonly Gauge inFlight;
    private readonly Counter ok;

    public MetricsEndpoint(MetricsRegistry registry)
    {
        this.registry = registry;
        inFlight = registry.Gauge("promhttp_metric_handler_requests_in_flight", "Current number of scrapes being served.");
        var requests = registry.Counters("promhttp_metric_handler_requests_total", "Total number of scrapes by HTTP status code.", ["code"]);
        ok = requests.With("200");
        requests.With("500");
        requests.With("503");
    }

    public async ValueTask HandleAsync(HttpContext context)
    {
        inFlight.Add(1);
        try
        {
            context.Response.ContentType = MetricsRegistry.ContentType;
            registry.Write(context.Response.BodyWriter);
            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
            ok.Add();
        }
        finally
        {
            inFlight.Add(-1);
        }
    }
}
