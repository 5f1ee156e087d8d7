using System.Net.Http.Headers;
using System.Text.Json;

namespace EtcdNet.Peer.Transport;

/// <summary>Asks another member something that it answers in JSON.</summary>
internal static class PeerInquiry
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");

    /// <summary>The answer, or the default when there is none in time, or none that makes sense.</summary>
    public static async ValueTask<T?> AskAsync<T>(
        PeerLink link, string path, byte[]? question, TimeSpan limit, Func<JsonElement, T?> read, CancellationToken cancellation)
    {
        using var watch = new StreamWatch(link.Options, cancellation);
        watch.Expect(limit);
        try
        {
            using var request = link.Request(HttpMethod.Get, link.Urls.Current, path);
            if (question is not null)
                request.Content = new ByteArrayContent(question) { Headers = { ContentType = Json } };
            using var answer = await link.Http.SendAsync(request, watch.Token).ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode)
                return default;
            using var json = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(watch.Token).ConfigureAwait(false));
            return read(json.RootElement);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or JsonException or InvalidOperationException or FormatException)
        {
            return default;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return default;
        }
    }
}
