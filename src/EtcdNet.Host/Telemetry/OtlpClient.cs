using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using EtcdNet.Grpc;
using EtcdNet.Host.Logging;
using EtcdNet.Protocol.Otlp;
using Google.Protobuf;
using Serilog;

namespace EtcdNet.Host.Telemetry;

/// <summary>
/// The three unary calls of OTLP/gRPC, without TLS, as etcd's exporter makes them. The log is told once when the collector goes away,
/// once when it is back, and once a service when it does not take what it is sent.
/// </summary>
/// <param name="address">host:port.</param>
/// <param name="log">Log of the process.</param>
internal sealed class OtlpClient(string address, ILogger log) : IDisposable
{
    private const int PrefixBytes = 5;
    private static readonly TimeSpan s_callTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_connectTimeout = TimeSpan.FromSeconds(5);

    private readonly Uri _base = new($"http://{address}/");
    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        ConnectTimeout = s_connectTimeout,
        UseProxy = false,
        UseCookies = false,
        // The collector's traces are not ours to begin.
        ActivityHeadersPropagator = null,
    });

    private readonly ILogger _log = log.ForContext<OtlpClient>();
    private readonly ConcurrentDictionary<string, bool> _refused = new(StringComparer.Ordinal);
    private int _away;

    /// <summary>Sends one request and waits for the answer, at most ten seconds.</summary>
    /// <param name="service">TraceService, MetricsService or LogsService with its path.</param>
    /// <param name="request">What the service takes.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<OtlpOutcome> SendAsync(string service, IMessage request, CancellationToken cancellation)
    {
        (OtlpOutcome outcome, string reason) = await CallAsync(service, request, cancellation).ConfigureAwait(false);
        if (!cancellation.IsCancellationRequested)
            Report(service, outcome, reason);
        return outcome;
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<(OtlpOutcome Outcome, string Reason)> CallAsync(string service, IMessage request, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(s_callTimeout);
        using var call = new HttpRequestMessage(HttpMethod.Post, new Uri(_base, service))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(Frame(request)),
        };
        call.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        call.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        try
        {
            using HttpResponseMessage response = await _http.SendAsync(call, limit.Token).ConfigureAwait(false);
            byte[] body = await response.Content.ReadAsByteArrayAsync(limit.Token).ConfigureAwait(false);
            return Judge(response, body);
        }
        catch (HttpRequestException error)
        {
            return (OtlpOutcome.TryAgain, error.InnerException?.Message ?? error.Message);
        }
        catch (IOException error)
        {
            return (OtlpOutcome.TryAgain, error.Message);
        }
        catch (OperationCanceledException)
        {
            return (OtlpOutcome.TryAgain, "the collector did not answer in time");
        }
    }

    private void Report(string service, OtlpOutcome outcome, string reason)
    {
        int away = outcome == OtlpOutcome.TryAgain ? 1 : 0;
        bool changed = Interlocked.Exchange(ref _away, away) != away;
        if (changed && away == 1)
            _log.With(("address", address), ("error", reason)).Warning("the OpenTelemetry collector cannot be reached; what it should get is dropped meanwhile");
        else if (changed)
            _log.With(("address", address)).Information("the OpenTelemetry collector can be reached again");
        if (outcome == OtlpOutcome.Refused && _refused.TryAdd(service, true))
            _log.With(("address", address), ("service", service), ("error", reason)).Warning("the OpenTelemetry collector refuses what it is sent");
    }

    private static (OtlpOutcome Outcome, string Reason) Judge(HttpResponseMessage response, byte[] body)
    {
        if (response.StatusCode != HttpStatusCode.OK)
            return (OtlpOutcome.Refused, $"the collector answered with HTTP status {(int)response.StatusCode}");
        string? text = Field(response, "grpc-status");
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int code))
            return (OtlpOutcome.TryAgain, "the collector answered without a status");
        if (code != (int)GrpcStatusCode.OK)
            return (MayPass((GrpcStatusCode)code) ? OtlpOutcome.TryAgain : OtlpOutcome.Refused, $"the collector answered {(GrpcStatusCode)code}: {Field(response, "grpc-message")}");
        PartialSuccess? partial = body.Length > PrefixBytes ? Parse(body)?.PartialSuccess : null;
        return partial is { Rejected: > 0 }
            ? (OtlpOutcome.Refused, $"the collector refused {partial.Rejected} records: {partial.ErrorMessage}")
            : (OtlpOutcome.Taken, "");
    }

    /// <summary>The protocol's list of statuses after which the same request may be sent again.</summary>
    private static bool MayPass(GrpcStatusCode code) => code is GrpcStatusCode.Canceled or GrpcStatusCode.DeadlineExceeded
        or GrpcStatusCode.Aborted or GrpcStatusCode.OutOfRange or GrpcStatusCode.Unavailable or GrpcStatusCode.DataLoss;

    private static ExportServiceResponse? Parse(byte[] body)
    {
        try
        {
            return ExportServiceResponse.Parser.ParseFrom(body.AsSpan(PrefixBytes));
        }
        catch (InvalidProtocolBufferException)
        {
            // The status said that all is well.
            return null;
        }
    }

    private static string? Field(HttpResponseMessage response, string name) =>
        response.TrailingHeaders.TryGetValues(name, out IEnumerable<string>? values) || response.Headers.TryGetValues(name, out values)
            ? values.FirstOrDefault() : null;

    private static byte[] Frame(IMessage request)
    {
        int size = request.CalculateSize();
        byte[] frame = new byte[PrefixBytes + size];
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)size);
        request.WriteTo(frame.AsSpan(PrefixBytes));
        return frame;
    }
}
