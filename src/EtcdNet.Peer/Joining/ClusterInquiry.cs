using System.Text.Json;
using EtcdNet.Peer.Transport;
using EtcdNet.StateMachine.Cluster;

namespace EtcdNet.Peer.Joining;

/// <summary>What a cluster that runs says of itself.</summary>
/// <param name="ClusterId">Its id.</param>
/// <param name="Members">Its members.</param>
/// <param name="ServerVersion">Release of the member that answered; null when it does not tell.</param>
/// <param name="ClusterVersion">Version that it has agreed on; null while none is.</param>
public sealed record RunningCluster(ulong ClusterId, IReadOnlyList<Member> Members, string? ServerVersion, string? ClusterVersion);

/// <summary>Asks members of a cluster who they are, before this one belongs to it (surface section 5.6, join).</summary>
public sealed class ClusterInquiry : IDisposable
{
    private readonly HttpClient _http;

    /// <param name="timeout">Time that each member has for its answer.</param>
    /// <param name="handler">Makes connections, with TLS as wanted; null for plain HTTP.</param>
    public ClusterInquiry(TimeSpan timeout, SocketsHttpHandler? handler = null) =>
        _http = new HttpClient(handler ?? new SocketsHttpHandler { UseProxy = false }) { Timeout = timeout };

    /// <summary>
    /// The answers of all that give one. All are waited for: a member that lags behind, or has just been started, knows less than others.
    /// </summary>
    /// <param name="urls">Peer URLs, asked at the same time.</param>
    /// <param name="refused">Told why a member gave no answer.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    public async Task<IReadOnlyList<RunningCluster>> AskAsync(IEnumerable<string> urls, Action<string, string> refused, CancellationToken cancellation)
    {
        var answers = await Task.WhenAll(urls.Select(url => AskOneAsync(url, refused, cancellation))).ConfigureAwait(false);
        return [.. answers.OfType<RunningCluster>().Where(static cluster => cluster.Members.Count > 0)];
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<RunningCluster?> AskOneAsync(string url, Action<string, string> refused, CancellationToken cancellation)
    {
        RunningCluster? members = await AskPartAsync(AskMembersAsync).ConfigureAwait(false);
        // Who its members are counts without a version too: it may be what keeps a member from voting twice.
        return members is not null && await AskPartAsync(AskVersionAsync).ConfigureAwait(false) is { } versions
            ? members with { ServerVersion = versions.Server, ClusterVersion = versions.Cluster }
            : members;

        async Task<T?> AskPartAsync<T>(Func<string, CancellationToken, Task<T>> ask)
            where T : class
        {
            try
            {
                return await ask(url, cancellation).ConfigureAwait(false);
            }
            catch (Exception e) when (e is HttpRequestException or JsonException or InvalidOperationException or FormatException)
            {
                refused(url, PeerLink.Root(e));
                return null;
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                refused(url, "no answer in time");
                return null;
            }
        }
    }

    private async Task<RunningCluster> AskMembersAsync(string url, CancellationToken cancellation)
    {
        using var answer = await _http.GetAsync(new Uri(new Uri(url), "/members"), cancellation).ConfigureAwait(false);
        answer.EnsureSuccessStatusCode();
        var id = answer.Headers.TryGetValues(PeerHeaders.ClusterId, out var values) ? values.FirstOrDefault() : null;
        if (!PeerHeaders.TryParseId(id, out var clusterId))
            throw new JsonException($"the answer has no {PeerHeaders.ClusterId}");
        using var json = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false));
        return new RunningCluster(clusterId, [.. json.RootElement.EnumerateArray().Select(MemberJson.Read)], null, null);
    }

    private async Task<Versions> AskVersionAsync(string url, CancellationToken cancellation)
    {
        using var answer = await _http.GetAsync(new Uri(new Uri(url), "/version"), cancellation).ConfigureAwait(false);
        answer.EnsureSuccessStatusCode();
        using var json = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false));
        return new Versions(Text("etcdserver"), Text("etcdcluster"));

        string? Text(string name) => json.RootElement.TryGetProperty(name, out var value) ? value.GetString() : null;
    }

    private sealed record Versions(string? Server, string? Cluster);
}
