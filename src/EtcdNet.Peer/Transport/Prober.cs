using System.Text.Json;
using EtcdNet.Server.Metrics;

namespace EtcdNet.Peer.Transport;

/// <summary>Measures the way to another member and back, and notices clocks that differ.</summary>
internal sealed class Prober(PeerLink link, PeerMetrics metrics)
{
    /// <summary>etcd warns from here on: leases and logs of such members are hard to compare.</summary>
    private static readonly TimeSpan ClockDifferenceMax = TimeSpan.FromSeconds(1);

    private readonly Histogram _roundTrip = metrics.RoundTrip.With(link.Name);

    /// <summary>Probes until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            using var timer = new PeriodicTimer(link.Options.ProbeInterval, link.Options.Time);
            while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false))
                await ProbeAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    private async Task ProbeAsync(CancellationToken cancellation)
    {
        var (time, url) = (link.Options.Time, link.Urls.Current);
        try
        {
            using var watch = new StreamWatch(link.Options, cancellation);
            watch.Expect(link.Options.ProbeInterval);
            using var request = link.Request(HttpMethod.Get, url, "/raft/probing");
            var started = time.GetTimestamp();
            using var answer = await link.Http.SendAsync(request, watch.Token).ConfigureAwait(false);
            var took = time.GetElapsedTime(started);
            if (!answer.IsSuccessStatusCode)
                return;
            _roundTrip.Observe(took);
            await CompareClocksAsync(answer, took, watch.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or JsonException)
        {
            if (!cancellation.IsCancellationRequested)
                link.Note($"no answer to a probe of {url}", e);
        }
    }

    private async Task CompareClocksAsync(HttpResponseMessage answer, TimeSpan took, CancellationToken cancellation)
    {
        using var json = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false));
        if (!json.RootElement.TryGetProperty("Now", out var value) || !value.TryGetDateTimeOffset(out var now))
            return;
        var difference = link.Options.Time.GetUtcNow() - took / 2 - now;
        if (difference.Duration() > ClockDifferenceMax)
            link.Note($"prober found high clock drift: {difference.TotalSeconds:0.###} s");
    }
}
