using System.Text;
using EtcdNet.Host.Configuration;
using EtcdNet.Host.Http;
using EtcdNet.Host.Logging;
using EtcdNet.Server.Metrics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Serilog.Events;

namespace EtcdNet.Host.Tests;

public sealed class HttpEndpointsTests
{
    private readonly Probe probe = new();
    private readonly MetricsRegistry registry = new();
    private ClusterVersions versions = new("3.6.0", "3.6.0");

    [Fact]
    public async Task Version_has_etcds_fields_first()
    {
        var (status, headers, body) = await GetAsync("/version");
        Assert.Equal(200, status);
        Assert.Equal("application/json", headers.ContentType);
        Assert.Equal($$"""{"etcdserver":"3.6.14","etcdcluster":"3.6.0","storage":"3.6.0","etcdnet":"{{Versions.EtcdNet}}"}""", body);

        versions = new(null, null);
        Assert.Contains("\"etcdcluster\":\"not_decided\"", (await GetAsync("/version")).Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/health", "GET", 200, """{"health":"true","reason":""}""", false)]
    [InlineData("/health?serializable=true&exclude=NOSPACE", "GET", 200, """{"health":"true","reason":""}""", false)]
    [InlineData("/health", "POST", 405, "Method Not Allowed\n", true)]
    [InlineData("/livez", "GET", 200, "ok\n", true)]
    [InlineData("/livez", "PUT", 405, "Method Not Allowed\n", true)]
    [InlineData("/livez?verbose", "GET", 200, "[+]serializable_read ok\nok\n", true)]
    [InlineData("/readyz?verbose", "GET", 200, "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n", true)]
    [InlineData("/readyz?exclude=linearizable_read&exclude=nope&verbose", "GET", 200, "[+]data_corruption ok\n[+]serializable_read ok\n[+]non_learner ok\nok\n", true)]
    [InlineData("/readyz/serializable_read", "GET", 200, "ok\n", true)]
    [InlineData("/readyz/nope", "GET", 404, "404 page not found\n", true)]
    [InlineData("/livez/linearizable_read", "GET", 404, "404 page not found\n", true)]
    [InlineData("/version", "POST", 405, "Method Not Allowed\n", true)]
    [InlineData("/nope", "GET", 404, "404 page not found\n", true)]
    [InlineData("/", "GET", 404, "404 page not found\n", true)]
    [InlineData("/config/local/log", "PUT", 404, "404 page not found\n", true)]
    public async Task Answers_are_those_of_etcd(string url, string method, int expectedStatus, string expectedBody, bool nosniff)
    {
        var (status, headers, body) = await SendAsync(method, url);
        Assert.Equal((expectedStatus, expectedBody), (status, body));
        Assert.Equal("text/plain; charset=utf-8", headers.ContentType);
        Assert.Equal(expectedBody.Length, headers.ContentLength);
        Assert.Equal(nosniff ? "nosniff" : "", headers.XContentTypeOptions.ToString());
        Assert.Equal(status == 405 ? "GET" : "", headers.Allow.ToString());
        Assert.Equal("accept, content-type, authorization", headers.AccessControlAllowHeaders);
        Assert.Equal("POST, GET, OPTIONS, PUT, DELETE", headers.AccessControlAllowMethods);
        Assert.Equal("*", headers.AccessControlAllowOrigin);
    }

    [Fact]
    public async Task Health_tells_alarms_then_the_leader_then_the_read()
    {
        probe.LinearizableError = new IOException("etcdserver: \"stopped\"");
        Assert.Equal((503, """{"health":"false","reason":"RANGE ERROR:etcdserver: \"stopped\""}""" + "\n"), await StatusAsync("/health"));
        Assert.Equal(200, (await StatusAsync("/health?serializable=true")).Status);
        probe.HasLeader = false;
        Assert.Equal((503, """{"health":"false","reason":"RAFT NO LEADER"}""" + "\n"), await StatusAsync("/health"));
        Assert.Equal(200, (await StatusAsync("/health?serializable=true")).Status);
        probe.Alarms = ["NOSPACE"];
        Assert.Equal((503, """{"health":"false","reason":"ALARM NOSPACE"}""" + "\n"), await StatusAsync("/health?serializable=true"));
        Assert.Equal(200, (await StatusAsync("/health?serializable=true&exclude=NOSPACE")).Status);
        probe.Alarms = ["CORRUPT"];
        Assert.Equal((503, """{"health":"false","reason":"ALARM CORRUPT"}""" + "\n"), await StatusAsync("/health?exclude=NOSPACE"));

        var samples = Exposition.Of(registry).Samples;
        Assert.Equal(3, samples["etcd_server_health_success"]);
        Assert.Equal(4, samples["etcd_server_health_failures"]);
    }

    [Fact]
    public async Task A_failing_check_lists_all_and_is_counted()
    {
        probe.Alarms = ["CORRUPT", "NOSPACE"];
        probe.IsLearner = true;
        probe.LinearizableError = new OperationCanceledException();
        Assert.Equal(
            (503, "[-]data_corruption failed: alarm activated: CORRUPT\n[+]serializable_read ok\n[-]linearizable_read failed: range error: etcdserver: request timed out\n[-]non_learner failed: not supported for learner\n\n"),
            await StatusAsync("/readyz"));
        Assert.Equal((200, "ok\n"), await StatusAsync("/livez"));
        Assert.Equal((200, "ok\n"), await StatusAsync("/readyz?exclude=data_corruption&exclude=linearizable_read&exclude=non_learner"));

        var samples = Exposition.Of(registry).Samples;
        Assert.Equal(0, samples["etcd_server_healthcheck{name=\"linearizable_read\",type=\"readyz\"}"]);
        Assert.Equal(1, samples["etcd_server_healthcheck{name=\"serializable_read\",type=\"livez\"}"]);
        Assert.Equal(1, samples["etcd_server_healthchecks_total{name=\"data_corruption\",status=\"error\",type=\"readyz\"}"]);
        Assert.Equal(2, samples["etcd_server_healthchecks_total{name=\"serializable_read\",status=\"success\",type=\"readyz\"}"]);
    }

    [Fact]
    public async Task Nospace_leaves_a_member_ready()
    {
        probe.Alarms = ["NOSPACE"];
        Assert.Equal((200, "ok\n"), await StatusAsync("/readyz"));
    }

    [Fact]
    public async Task Metrics_are_served_and_count_their_scrapes()
    {
        await GetAsync("/metrics");
        var (status, headers, body) = await GetAsync("/metrics");
        Assert.Equal(200, status);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", headers.ContentType);
        var samples = Exposition.Parse(body).Samples;
        Assert.Equal(1, samples["promhttp_metric_handler_requests_in_flight"]);
        Assert.Equal(1, samples["promhttp_metric_handler_requests_total{code=\"200\"}"]);
        Assert.Equal(0, samples["promhttp_metric_handler_requests_total{code=\"500\"}"]);
    }

    [Theory]
    [InlineData("/metrics", 200)]
    [InlineData("/livez", 200)]
    [InlineData("/readyz", 200)]
    [InlineData("/health", 200)]
    [InlineData("/version", 404)]
    [InlineData("/v3/kv/range", 404)]
    public async Task A_metrics_listener_serves_metrics_and_health_only(string path, int expected)
    {
        Assert.Equal(expected, (await SendAsync("GET", path, (endpoints, context) => endpoints.HandleMetricsAsync(context))).Status);
    }

    [Theory]
    [InlineData("*", "http://x", "*")]
    [InlineData("http://x", "http://x", "http://x")]
    [InlineData("http://x", "http://evil", "")]
    [InlineData("http://x", "", "")]
    public async Task Only_allowed_origins_get_cors_headers(string allowed, string origin, string expected)
    {
        var (status, headers, body) = await SendAsync("OPTIONS", "/v3/kv/put", origins: [allowed], prepare: context => context.Request.Headers.Origin = origin);
        Assert.Equal((200, ""), (status, body));
        Assert.Equal(expected, headers.AccessControlAllowOrigin.ToString());
        Assert.Equal(0, headers.ContentLength);
    }

    [Theory]
    [InlineData("*", "evil.example", 200)]
    [InlineData("good.example", "good.example:2379", 200)]
    [InlineData("good.example", "evil.example", 421)]
    public async Task Only_allowed_host_names_are_answered_without_tls(string allowed, string host, int expected)
    {
        Assert.Equal(expected, (await SendAsync("GET", "/version", hosts: [allowed], prepare: context => context.Request.Host = new HostString(host))).Status);
    }

    private async Task<(int Status, string Body)> StatusAsync(string url)
    {
        var (status, _, body) = await GetAsync(url);
        return (status, body);
    }

    private Task<(int Status, IHeaderDictionary Headers, string Body)> GetAsync(string url) => SendAsync("GET", url);

    private HttpEndpoints? shared;

    private async Task<(int Status, IHeaderDictionary Headers, string Body)> SendAsync(
        string method, string url, Func<HttpEndpoints, HttpContext, Task>? handle = null,
        HashSet<string>? origins = null, HashSet<string>? hosts = null, Action<HttpContext>? prepare = null)
    {
        shared ??= new HttpEndpoints(new AccessControl(origins ?? ["*"], hosts ?? ["*"]), registry, new ServerMetrics(registry), probe,
            () => versions, ServerLog.ToWriter(TextWriter.Null, LogEventLevel.Debug).Logger);
        var context = new DefaultHttpContext();
        var body = new MemoryStream();
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(body));
        context.Request.Method = method;
        var question = url.IndexOf('?', StringComparison.Ordinal);
        context.Request.Path = question < 0 ? url : url[..question];
        context.Request.QueryString = new QueryString(question < 0 ? "" : url[question..]);
        prepare?.Invoke(context);
        await (handle ?? ((endpoints, request) => endpoints.HandleClientAsync(request)))(shared, context);
        await context.Response.BodyWriter.FlushAsync();
        return (context.Response.StatusCode, context.Response.Headers, Encoding.UTF8.GetString(body.ToArray()));
    }

    private sealed class Probe : IHealthProbe
    {
        public IReadOnlyCollection<string> Alarms { get; set; } = [];

        public bool HasLeader { get; set; } = true;

        public bool IsLearner { get; set; }

        public Exception? LinearizableError { get; set; }

        public ValueTask ReadSerializableAsync(CancellationToken cancellation) => ValueTask.CompletedTask;

        public ValueTask ReadLinearizableAsync(CancellationToken cancellation) =>
            LinearizableError is null ? ValueTask.CompletedTask : ValueTask.FromException(LinearizableError);
    }
}
