using System.Globalization;
using EtcdNet.Server.Metrics;
using Serilog;

namespace EtcdNet.Peer.Transport;

/// <summary>What all connections to one other member share: who it is, where it is, how it is doing, and how to ask it. Any thread.</summary>
internal sealed class PeerLink
{
    private readonly PeerMetrics _metrics;
    private readonly Gauge _active;
    private readonly Lock _gate = new();
    private int _connected;
    private long _activeSince;
    private long _lastNoted;

    public PeerLink(ulong id, IReadOnlyList<Uri> urls, PeerTransportOptions options, IPeerReceiver receiver, PeerMetrics metrics, HttpClient http, ILogger log)
    {
        (Id, Name, Urls, Options, Receiver, _metrics, Http) = (id, PeerHeaders.Hex(id), new UrlPicker(urls), options, receiver, metrics, http);
        Log = log.ForContext("Peer", Name);
        _active = metrics.ActivePeers.With(PeerHeaders.Hex(options.MemberId), Name);
        SentBytes = metrics.SentBytes.With(Name);
        ReceivedBytes = metrics.ReceivedBytes.With(Name);
        SendFailures = metrics.SendFailures.With(Name);
        ReceiveFailures = metrics.ReceiveFailures.With(Name);
    }

    public ulong Id { get; }

    /// <summary>The id in hex.</summary>
    public string Name { get; }

    public UrlPicker Urls { get; }

    public PeerTransportOptions Options { get; }

    public IPeerReceiver Receiver { get; }

    public HttpClient Http { get; }

    public ILogger Log { get; }

    public Counter SentBytes { get; }

    public Counter ReceivedBytes { get; }

    public Counter SendFailures { get; }

    public Counter ReceiveFailures { get; }

    /// <summary>Release of the other member as it last said; null until then.</summary>
    public string? Version { get; set; }

    /// <summary>Since when at least one stream has been connected without a break; null for not connected.</summary>
    public DateTimeOffset? ActiveSince
    {
        get
        {
            lock (_gate)
                return _connected > 0 ? new DateTimeOffset(_activeSince, TimeSpan.Zero) : null;
        }
    }

    /// <summary>A stream is connected, in whichever direction. To be followed by <see cref="Disconnected"/>.</summary>
    public void Connected()
    {
        lock (_gate)
        {
            if (_connected++ > 0)
                return;
            _activeSince = Options.Time.GetUtcNow().UtcTicks;
            _active.Set(1);
        }

        Log.Information("peer became active");
    }

    public void Disconnected(string why)
    {
        lock (_gate)
        {
            if (--_connected > 0)
                return;
            _active.Set(0);
        }

        _metrics.DisconnectedPeers.With(PeerHeaders.Hex(Options.MemberId), Name).Add();
        Log.Warning("peer became inactive (message send to peer failed): {Reason}", why);
    }

    /// <summary>A message was not delivered.</summary>
    public void Dropped()
    {
        SendFailures.Add();
        Receiver.ReportUnreachable(Id);
    }

    /// <summary>At most one line in ten seconds about what happens again and again.</summary>
    public void Note(string what, Exception? error = null)
    {
        var now = Options.Time.GetTimestamp();
        var last = Interlocked.Read(ref _lastNoted);
        if (last != 0 && Options.Time.GetElapsedTime(last, now) < TimeSpan.FromSeconds(10))
            return;
        if (Interlocked.CompareExchange(ref _lastNoted, now, last) == last)
            Log.Warning("{What}{Reason}", what, error is null ? "" : $": {Root(error)}");
    }

    public static string Root(Exception error) => (error.InnerException ?? error).Message;

    /// <summary>A request with the headers that tell the other member who asks.</summary>
    public HttpRequestMessage Request(HttpMethod method, Uri url, string path)
    {
        var request = new HttpRequestMessage(method, new Uri(url, path)) { Version = System.Net.HttpVersion.Version11 };
        request.Headers.TryAddWithoutValidation(PeerHeaders.From, PeerHeaders.Hex(Options.MemberId));
        request.Headers.TryAddWithoutValidation(PeerHeaders.ServerVersion, Options.ServerVersion);
        request.Headers.TryAddWithoutValidation(PeerHeaders.MinClusterVersion, PeerHeaders.OldestCluster);
        request.Headers.TryAddWithoutValidation(PeerHeaders.ClusterId, PeerHeaders.Hex(Options.ClusterId));
        request.Headers.TryAddWithoutValidation(PeerHeaders.PeerUrls, string.Join(',', Options.AdvertisedUrls));
        return request;
    }

    /// <summary>Returns when the answer is <paramref name="wanted"/>.</summary>
    /// <exception cref="PeerRefusedException">It is another one.</exception>
    public static async Task CheckAsync(HttpResponseMessage answer, System.Net.HttpStatusCode wanted, CancellationToken cancellation)
    {
        if (answer.StatusCode == wanted)
            return;
        var text = (await answer.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false)).TrimEnd('\n');
        var removed = answer.StatusCode is System.Net.HttpStatusCode.Gone or System.Net.HttpStatusCode.Forbidden;
        if (answer.StatusCode == System.Net.HttpStatusCode.Gone || (removed && text.Contains("removed member", StringComparison.Ordinal)))
            throw new PeerRefusedException("the member has been permanently removed from the cluster", isRemoved: true);
        throw new PeerRefusedException(string.Create(CultureInfo.InvariantCulture, $"status {(int)answer.StatusCode}: {text}"));
    }
}
