using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Otlp;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;
using static EtcdNet.Conformance.Telemetry.OtlpReceiver;

namespace EtcdNet.Conformance.Telemetry;

/// <summary>Spans of calls, by the flags and with the fields of etcd.</summary>
public sealed class TracingTests
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";
    private const string ParentId = "b7ad6b7169203331";
    private const string Sampled = $"00-{TraceId}-{ParentId}-01";
    private const string NotSampled = $"00-{TraceId}-{ParentId}-00";
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private static readonly RangeRequest s_range = new() { Key = ByteString.CopyFromUtf8("a") };

    // The old names are known to 3.5 and 3.6 both.
    private static string[] Flags(OtlpReceiver receiver, int samplesPerMillion) =>
    [
        "--experimental-enable-distributed-tracing", $"--experimental-distributed-tracing-address={receiver.Address}",
        "--experimental-distributed-tracing-service-name=tested", "--experimental-distributed-tracing-instance-id=m1",
        $"--experimental-distributed-tracing-sampling-rate={samplesPerMillion}",
    ];

    /// <summary>The attributes are those of etcd 3.6; everything else is compared with the etcd that is here.</summary>
    [Fact]
    public async Task A_span_is_that_of_etcd()
    {
        var (expectedSpan, expectedResource) = await OneSpanAsync(ServerTarget.Oracle);
        var (span, resource) = await OneSpanAsync(ServerTarget.EtcdNet);
        Assert.Equal("etcdserverpb.KV/Range", expectedSpan.Name);
        Assert.Equal(expectedSpan.Name, span.Name);
        Assert.Equal(expectedSpan.Kind, span.Kind);
        Assert.Equal(TraceId, Convert.ToHexStringLower(expectedSpan.TraceId.Span));
        Assert.Equal(expectedSpan.TraceId, span.TraceId);
        Assert.Equal(ParentId, Convert.ToHexStringLower(expectedSpan.ParentSpanId.Span));
        Assert.Equal(expectedSpan.ParentSpanId, span.ParentSpanId);
        Assert.Equal("vendor=1", expectedSpan.TraceState);
        Assert.Equal(expectedSpan.TraceState, span.TraceState);
        Assert.Equal(8, span.SpanId.Length);
        Assert.NotEqual(span.ParentSpanId, span.SpanId);
        Assert.InRange(span.EndTimeUnixNano, span.StartTimeUnixNano, span.StartTimeUnixNano + 60_000_000_000);
        var expected = Attributes(expectedSpan.Attributes);
        var found = Attributes(span.Attributes);
        // This oracle may be built with a later otelgrpc than etcd 3.6, whose conventions put the service into the method.
        Assert.Equal("etcdserverpb.KV/Range", expected.TryGetValue("rpc.service", out string? service) ? $"{service}/{expected["rpc.method"]}" : expected["rpc.method"]);
        Assert.Equal(("grpc", "etcdserverpb.KV", "Range", "0"), (found["rpc.system"], found["rpc.service"], found["rpc.method"], found["rpc.grpc.status_code"]));
        Assert.Equal(Status.Types.StatusCode.Unset, expectedSpan.Status?.Code ?? Status.Types.StatusCode.Unset);
        Assert.Null(span.Status);
        Assert.Equal("127.0.0.1", Attributes(span.Attributes)["net.sock.peer.addr"]);
        Assert.Equal(Attributes(expectedResource.Attributes).OrderBy(pair => pair.Key), Attributes(resource.Attributes).OrderBy(pair => pair.Key));
        Assert.Equal("m1", Attributes(resource.Attributes)["service.instance.id"]);
    }

    [Fact]
    public async Task Without_a_rate_only_what_the_client_wants_is_traced()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var server = await ServerProcess.StartAsync(ServerTarget.EtcdNet, null, Flags(receiver, 0));
        using var client = new GrpcTestClient(server.ClientUrl);
        await RangeAsync(client, null);
        await RangeAsync(client, NotSampled);
        await RangeAsync(client, "nonsense");
        await RangeAsync(client, Sampled);
        await receiver.SpanAsync(_ => true);
        // The end of the server sends what is left.
        await server.TerminateAsync();
        Assert.Equal(TraceId, Convert.ToHexStringLower(Assert.Single(receiver.Spans).TraceId.Span));
    }

    [Fact]
    public async Task With_a_rate_the_others_are_traced_by_chance_and_the_client_still_decides()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var server = await ServerProcess.StartAsync(ServerTarget.EtcdNet, null, Flags(receiver, 500_000));
        using var client = new GrpcTestClient(server.ClientUrl);
        for (int i = 0; i < 200; i++)
        {
            await RangeAsync(client, null);
            await RangeAsync(client, NotSampled);
        }
        await server.TerminateAsync();
        var spans = receiver.Spans;
        // 200 throws of a coin: outside of this once in 10^17 runs.
        Assert.InRange(spans.Count, 40, 160);
        Assert.All(spans, span => Assert.True(span.ParentSpanId.IsEmpty));
        Assert.Equal(spans.Count, spans.Select(span => span.TraceId).Distinct().Count());
    }

    [Fact]
    public async Task Failures_streams_and_the_gateway_have_spans_too()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var server = await ServerProcess.StartAsync(
            ServerTarget.EtcdNet, null, "--enable-distributed-tracing", "--distributed-tracing-address", receiver.Address, "--distributed-tracing-sampling-rate", "1000000");
        using var client = new EtcdClient(server.ClientUrl);
        var refused = await client.RangeAsync(new RangeRequest());
        Assert.Equal(GrpcStatus.InvalidArgument, refused.Status);
        // The server cannot be blamed for it.
        var span = await receiver.SpanAsync(span => Attributes(span.Attributes)["rpc.grpc.status_code"] == "3");
        Assert.Null(span.Status);

        using (var http = new HttpClient { BaseAddress = server.ClientUrl })
            await http.PostAsync("/v3/kv/put", new StringContent("{\"key\":\"YQ==\"}"));
        Assert.Equal("0", Attributes((await receiver.SpanAsync(span => span.Name == "etcdserverpb.KV/Put")).Attributes)["rpc.grpc.status_code"]);

        using var keepAlive = client.KeepAlive();
        keepAlive.Send(new LeaseKeepAliveRequest { ID = 7 });
        await keepAlive.NextAsync();
        Assert.DoesNotContain(receiver.Spans, span => span.Name == "etcdserverpb.Lease/LeaseKeepAlive");
        await server.TerminateAsync();
        span = await receiver.SpanAsync(span => span.Name == "etcdserverpb.Lease/LeaseKeepAlive");
        Assert.Equal("14", Attributes(span.Attributes)["rpc.grpc.status_code"]);
        Assert.Equal(Status.Types.StatusCode.Error, span.Status.Code);
        Assert.Equal("etcdserver: server stopped", span.Status.Message);
        var resource = receiver.Traces.First().ResourceSpans[0].Resource;
        Assert.Equal("etcd", Assert.Single(Attributes(resource.Attributes)).Value);
    }

    [Fact]
    public async Task A_collector_that_is_away_costs_one_line_and_no_time()
    {
        int port = FreePorts.Take(1)[0];
        await using var server = await ServerProcess.StartAsync(
            ServerTarget.EtcdNet, null, "--enable-distributed-tracing", "--distributed-tracing-address", $"127.0.0.1:{port}", "--distributed-tracing-sampling-rate", "1000000",
            "--etcdnet-otlp-metrics", "--etcdnet-otlp-metrics-interval", "1s", "--etcdnet-otlp-logs");
        using var client = new EtcdClient(server.ClientUrl);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        for (int i = 0; i < 20_000; i += 100)
            await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => client.RangeAsync("a")));
        Assert.True(watch.Elapsed < s_limit, $"20,000 calls took {watch.Elapsed}");
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        // Three signals, two attempts each at least, and more spans than fit.
        await Deadline.UntilAsync(async () => await DroppedAsync(http, "traces") > 1000 && await DroppedAsync(http, "metrics") > 2, s_limit);
        Assert.Single(server.Log.Split('\n'), line => line.Contains("collector cannot be reached", StringComparison.Ordinal));

        await using var receiver = await OtlpReceiver.StartAsync(port);
        await receiver.SpanAsync(_ => true);
        await Deadline.UntilAsync(() => Task.FromResult(server.Log.Contains("the OpenTelemetry collector can be reached again", StringComparison.Ordinal)), s_limit);
        await Deadline.UntilAsync(() => Task.FromResult(receiver.Records.Any(record => record.Body.StringValue.Contains("cannot be reached", StringComparison.Ordinal))), s_limit);
    }

    [Fact]
    public async Task A_collector_that_is_away_does_not_hold_up_the_end()
    {
        await using var server = await ServerProcess.StartAsync(
            ServerTarget.EtcdNet, null, "--enable-distributed-tracing", "--distributed-tracing-address", $"127.0.0.1:{FreePorts.Take(1)[0]}",
            "--distributed-tracing-sampling-rate", "1000000", "--etcdnet-otlp-metrics", "--etcdnet-otlp-logs");
        using var client = new EtcdClient(server.ClientUrl);
        await client.RangeAsync("a");
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Assert.Equal(0, await server.TerminateAsync());
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    private static async Task<(Span Span, Resource Resource)> OneSpanAsync(ServerTarget target)
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var server = await ServerProcess.StartAsync(target, null, Flags(receiver, 0));
        using var client = new GrpcTestClient(server.ClientUrl);
        await RangeAsync(client, Sampled);
        var span = await receiver.SpanAsync(span => span.Name == "etcdserverpb.KV/Range");
        return (span, receiver.Traces.First().ResourceSpans[0].Resource);
    }

    private static async Task RangeAsync(GrpcTestClient client, string? traceParent)
    {
        var headers = new Dictionary<string, string>();
        if (traceParent is not null)
            (headers["traceparent"], headers["tracestate"]) = (traceParent, "vendor=1");
        var reply = await client.CallRawAsync<RangeResponse>("/etcdserverpb.KV/Range", GrpcFrames.Encode(s_range), headers);
        Assert.Equal(GrpcStatus.OK, reply.Status);
    }

    private static async Task<double> DroppedAsync(HttpClient http, string signal)
    {
        string name = $"etcdnet_otlp_dropped_total{{signal=\"{signal}\"}} ";
        string line = (await http.GetStringAsync("/metrics")).Split('\n').First(line => line.StartsWith(name, StringComparison.Ordinal));
        return double.Parse(line[name.Length..]);
    }
}
