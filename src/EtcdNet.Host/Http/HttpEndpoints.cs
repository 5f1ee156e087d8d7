using EtcdNet.Host.Configuration;
using EtcdNet.Host.Gateway;
using EtcdNet.Server.Metrics;
using Microsoft.AspNetCore.Http;
using Serilog;

namespace EtcdNet.Host.Http;

/// <summary>
/// Everything on the client port that is not gRPC: the JSON gateway, version, health, metrics, 404. A
/// <see cref="RequestDelegate"/> for each kind of listener.
/// </summary>
public sealed class HttpEndpoints
{
    private readonly AccessControl access;
    private readonly MetricsEndpoint metricsEndpoint;
    private readonly LegacyHealth health;
    private readonly HealthChecks checks;
    private readonly Func<ClusterVersions> versions;
    private JsonGateway? gateway;
    private DebugVars? vars;
    private LogLevelEndpoint? logLevel;

    /// <summary>Defines promhttp_* in <paramref name="registry"/>, so make only one for a registry.</summary>
    public HttpEndpoints(
        AccessControl access, MetricsRegistry registry, ServerMetrics metrics, IHealthProbe probe, Func<ClusterVersions> versions, ILogger log)
    {
        this.access = access;
        this.versions = versions;
        metricsEndpoint = new MetricsEndpoint(registry);
        health = new LegacyHealth(probe, metrics, log);
        checks = new HealthChecks(probe, metrics, log);
    }

    /// <summary>Serves the methods as JSON too; without it their paths do not exist.</summary>
    internal void Add(JsonGateway jsonGateway) => gateway = jsonGateway;

    /// <summary>Serves /debug/vars; without it the path does not exist.</summary>
    internal void Add(DebugVars debugVars) => vars = debugVars;

    /// <summary>Serves /config/local/log; without it the path does not exist.</summary>
    internal void Add(LogLevelEndpoint endpoint) => logLevel = endpoint;

    /// <summary>The client port: access control, the gateway, the endpoints, 404.</summary>
    public async Task HandleClientAsync(HttpContext context)
    {
        if (access.TryAnswer(context)) return;
        if (gateway is not null && await gateway.TryHandleAsync(context)) return;
        if (vars is not null && context.Request.Path.Value == "/debug/vars")
        {
            vars.Handle(context);
            return;
        }
        if (logLevel is not null && context.Request.Path.Value == LogLevelEndpoint.Path)
        {
            await logLevel.HandleAsync(context);
            return;
        }
        if (await TryHandleAsync(context)) return;
        HttpAnswer.NotFound(context);
    }

    /// <summary>A listener of <c>--listen-metrics-urls</c>: metrics and health only, without access control, as in etcd.</summary>
    public async Task HandleMetricsAsync(HttpContext context)
    {
        if (context.Request.Path.Value == "/version" || !await TryHandleAsync(context)) HttpAnswer.NotFound(context);
    }

    /// <summary>Answers one of the endpoints; false for any other path. For use behind other handlers of the port.</summary>
    public async ValueTask<bool> TryHandleAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        switch (path)
        {
            case "/metrics":
                await metricsEndpoint.HandleAsync(context);
                return true;
            case "/health":
                await health.HandleAsync(context);
                return true;
            case "/version":
                if (HttpAnswer.AllowGet(context)) WriteVersion(context);
                return true;
            default:
                return await checks.TryHandleAsync(context, path);
        }
    }

    /// <summary>The answer of /version, on the client port and on the peer port.</summary>
    public string VersionJson()
    {
        var known = versions();
        return $"{{\"etcdserver\":{JsonText.Quote(Versions.Etcd)},\"etcdcluster\":{JsonText.Quote(known.Cluster ?? "not_decided")}," +
            $"\"storage\":{JsonText.Quote(known.Storage ?? "")},\"etcdnet\":{JsonText.Quote(Versions.EtcdNet)}}}";
    }

    private void WriteVersion(HttpContext context) =>
        HttpAnswer.Write(context, StatusCodes.Status200OK, "application/json", VersionJson());
}
