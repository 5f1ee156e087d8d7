using System.Diagnostics;
using EtcdNet.Host.Logging;
using EtcdNet.Protocol.Otlp;
using EtcdNet.Server.Metrics;
using Serilog;
using Serilog.Events;

namespace EtcdNet.Host.Telemetry;

/// <summary>
/// What the process sends to a collector of the OpenTelemetry protocol: spans of calls, the metrics, the log. Nothing of it ever waits
/// in the way of a request; a collector that cannot be reached costs one warning.
/// </summary>
internal sealed class OtlpExport : IAsyncDisposable
{
    // A collector that is away must not hold up the end of the process.
    private static readonly TimeSpan s_farewell = TimeSpan.FromSeconds(2);

    private readonly OtlpClient _client;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _givenUp = new();
    private readonly List<Task> _running = [];
    private readonly OtlpQueue<Activity>? _spans;
    private readonly OtlpQueue<LogEvent>? _lines;

    /// <param name="options">What is sent; <see cref="TelemetryOptions.Any"/> must hold.</param>
    /// <param name="lines">Lines of the log that wait to be sent, or null.</param>
    /// <param name="registry">The metrics; gets two more about the sending itself.</param>
    /// <param name="log">Log of the process.</param>
    public OtlpExport(TelemetryOptions options, OtlpQueue<LogEvent>? lines, MetricsRegistry registry, ILogger log)
    {
        _client = new OtlpClient(options.Address, log);
        Resource resource = OtlpText.ResourceOf(options);
        MetricFamily<Counter> sent = registry.Counters("etcdnet_otlp_sent_total", "Records that the collector has taken, by signal.", ["signal"]);
        MetricFamily<Counter> dropped = registry.Counters("etcdnet_otlp_dropped_total", "Records that were not sent, by signal.", ["signal"]);
        if (options.Traces)
        {
            _spans = new OtlpQueue<Activity>(SpanEncoder.Service, new SpanEncoder(resource).Encode);
            Tracing = new CallTracing(options.SamplesPerMillion, _spans.Add);
            Run(_spans, "traces");
        }
        if (lines is not null)
        {
            _lines = lines;
            Run(lines, "logs");
        }
        if (options.Metrics)
        {
            var encoder = new MetricsEncoder(registry, resource, Process.GetCurrentProcess().StartTime.ToUniversalTime());
            _running.Add(SendMetricsAsync(encoder, options.MetricsInterval, sent.With("metrics"), dropped.With("metrics")));
        }
        log.ForContext<OtlpExport>().With(
            ("address", options.Address), ("service-name", options.ServiceName), ("service-instance-id", options.InstanceId), ("traces", options.Traces),
            ("sampling-rate", options.SamplesPerMillion), ("metrics", options.Metrics), ("logs", options.Logs)).Information("distributed tracing setup enabled");

        void Run<T>(OtlpQueue<T> queue, string signal)
        {
            dropped.With(signal).Bind(() => queue.Dropped);
            _running.Add(queue.RunAsync(_client, sent.With(signal), _stopping.Token, _givenUp.Token));
        }
    }

    /// <summary>Makes the spans; null when there are none.</summary>
    public CallTracing? Tracing { get; }

    /// <summary>Sends what is left, for two seconds at most.</summary>
    public async ValueTask DisposeAsync()
    {
        Tracing?.Dispose();
        _spans?.Complete();
        _lines?.Complete();
        await _stopping.CancelAsync().ConfigureAwait(false);
        _givenUp.CancelAfter(s_farewell);
        await Task.WhenAll(_running).ConfigureAwait(false);
        _client.Dispose();
        _stopping.Dispose();
        _givenUp.Dispose();
    }

    private async Task SendMetricsAsync(MetricsEncoder encoder, TimeSpan interval, Counter sent, Counter dropped)
    {
        using var timer = new PeriodicTimer(interval);
        bool more = true;
        while (more)
        {
            try
            {
                await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The last figures before the end.
                more = false;
            }
            OtlpOutcome outcome = await _client.SendAsync(MetricsEncoder.Service, encoder.Encode(DateTime.UtcNow), _givenUp.Token).ConfigureAwait(false);
            (outcome == OtlpOutcome.Taken ? sent : dropped).Add();
        }
    }
}
