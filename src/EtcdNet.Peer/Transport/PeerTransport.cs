using EtcdNet.Peer.Wire;
using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Corruption;
using EtcdNet.Server.Membership;
using EtcdNet.Server.Metrics;
using EtcdNet.Server.Snapshots;
using EtcdNet.StateMachine.Cluster;
using Serilog;

namespace EtcdNet.Peer.Transport;

/// <summary>
/// Carries messages between members in etcd's way (rafthttp): each member dials two streams to every other one and reads from them,
/// and writes to the streams that the others dialled. Any thread; nothing blocks.
/// </summary>
public sealed class PeerTransport : IPeerTransport, IPeerConnections, IAsyncDisposable
{
    /// <summary>Of answers that are taken whole; streams are not.</summary>
    private const int AnswerBytesMax = 4 << 20;

    private readonly IPeerReceiver _receiver;
    private readonly ILogger _log;
    private readonly HttpClient _http;
    private readonly Lock _gate = new();
    private readonly List<Task> _ending = [];
    private volatile Dictionary<ulong, RemotePeer> _peers = [];
    private bool _isDisposed;

    /// <summary>Nobody is known before the first <see cref="MembersChanged"/>.</summary>
    public PeerTransport(PeerTransportOptions options, IPeerReceiver receiver, MetricsRegistry metrics, ILogger log)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(receiver);
        ArgumentNullException.ThrowIfNull(metrics);
        ArgumentNullException.ThrowIfNull(log);
        (Options, _receiver, _log) = (options, receiver, log.ForContext<PeerTransport>());
        Metrics = new PeerMetrics(metrics);
        var handler = options.CreateHandler?.Invoke() ?? BoundDialer.NewHandler(options.LocalAddress);
        handler.AllowAutoRedirect = false;
        handler.UseCookies = false;
        handler.UseProxy = false;
        handler.ConnectTimeout = options.DialTimeout;
        handler.PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30);
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = AnswerBytesMax };
    }

    internal PeerTransportOptions Options { get; }

    internal PeerMetrics Metrics { get; }

    internal IPeerReceiver Receiver => _receiver;

    /// <inheritdoc/>
    public void Send(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (_peers.TryGetValue(message.To, out var peer))
            peer.Send(message);
        else
            _receiver.ReportUnreachable(message.To);
    }

    /// <inheritdoc/>
    public void SendSnapshot(Message message, IOutgoingSnapshot state)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(state);
        if (_peers.TryGetValue(message.To, out var peer))
        {
            peer.SendSnapshot(message, state);
            return;
        }

        state.Dispose();
        _receiver.ReportSnapshot(message.To, false);
    }

    /// <inheritdoc/>
    public void MembersChanged(IReadOnlyList<Member> members, IReadOnlyList<ulong> removed)
    {
        ArgumentNullException.ThrowIfNull(members);
        var wanted = members.Where(m => m.Id != Options.MemberId).ToDictionary(m => m.Id, m => Parse(m.PeerUrls));
        foreach (var (id, _) in wanted.Where(w => w.Value.Count == 0).ToList())
        {
            // It is in the log, so every member has it; being without this peer is better than all of them failing.
            _log.Error("peer {Peer} has no URL that can be reached", PeerHeaders.Hex(id));
            wanted.Remove(id);
        }

        Change(peers =>
        {
            foreach (var gone in peers.Values.Where(p => !wanted.ContainsKey(p.Id) && (!p.IsStranger || removed.Contains(p.Id))).ToList())
                End(peers, gone);
            foreach (var (id, urls) in wanted)
            {
                if (peers.TryGetValue(id, out var known) && !known.IsStranger)
                {
                    known.ReplaceUrls(urls);
                    continue;
                }

                if (known is not null)
                    End(peers, known);
                Begin(peers, id, urls, isStranger: false);
            }
        });
    }

    /// <inheritdoc/>
    public DateTimeOffset? ActiveSince(ulong member) => _peers.TryGetValue(member, out var peer) ? peer.ActiveSince : null;

    /// <inheritdoc/>
    public ValueTask<string?> AskServerVersionAsync(ulong member, CancellationToken cancellation) => FindMember(member) is { } peer
        ? PeerInquiry.AskAsync(peer.Link, "/version", null, Options.DialTimeout,
            static json => json.TryGetProperty("etcdserver", out var version) ? version.GetString() : null, cancellation)
        : new((string?)null);

    /// <inheritdoc/>
    public ValueTask<MemberHash?> AskHashAsync(ulong member, long revision, CancellationToken cancellation) => FindMember(member) is { } peer
        ? PeerInquiry.AskAsync(peer.Link, "/members/hashkv", HashKvJson.Question(revision), Options.HashTimeout, json => HashKvJson.ReadAnswer(json, revision), cancellation)
        : new((MemberHash?)null);

    /// <summary>True while that member reads both streams to it, so that nothing has to be posted.</summary>
    public bool HasStreamsTo(ulong member) => _peers.TryGetValue(member, out var peer) && peer.HasStreams;

    /// <summary>Closes every connection. What waits is dropped.</summary>
    public async ValueTask DisposeAsync()
    {
        Change(peers =>
        {
            foreach (var peer in peers.Values.ToList())
                End(peers, peer);
        });
        Task[] ending;
        lock (_gate)
        {
            _isDisposed = true;
            ending = [.. _ending];
        }

        await Task.WhenAll(ending).ConfigureAwait(false);
        _http.Dispose();
    }

    /// <summary>A member, but no stranger.</summary>
    internal RemotePeer? FindMember(ulong id) => _peers.TryGetValue(id, out var peer) && !peer.IsStranger ? peer : null;

    /// <summary>
    /// Somebody asks who is no member as far as is known here. Probably this member's configuration is old: with the way to the
    /// stranger it can at least answer and so catch up (surface section 5.2, X-PeerURLs).
    /// </summary>
    internal void AddStranger(ulong id, string? urls)
    {
        if (id == 0 || id == Options.MemberId || string.IsNullOrEmpty(urls) || _peers.ContainsKey(id) || _receiver.IsRemoved(id))
            return;
        if (Parse(urls.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)) is not { Count: > 0 } parsed)
            return;
        Change(peers =>
        {
            if (!peers.ContainsKey(id) && peers.Values.Count(p => p.IsStranger) < StrangersMax)
                Begin(peers, id, parsed, isStranger: true);
        });
    }

    /// <summary>Anybody can claim to be a stranger; a cluster that this member has not heard of for long has no more members than this.</summary>
    private const int StrangersMax = 16;

    private void Change(Action<Dictionary<ulong, RemotePeer>> change)
    {
        lock (_gate)
        {
            if (_isDisposed)
                return;
            var peers = new Dictionary<ulong, RemotePeer>(_peers);
            change(peers);
            _peers = peers;
            _ending.RemoveAll(t => t.IsCompleted);
        }
    }

    private void Begin(Dictionary<ulong, RemotePeer> peers, ulong id, IReadOnlyList<Uri> urls, bool isStranger)
    {
        var link = new PeerLink(id, urls, Options, _receiver, Metrics, _http, _log);
        var peer = new RemotePeer(link, Metrics, isStranger);
        peers[id] = peer;
        Metrics.KnownPeers.With(PeerHeaders.Hex(Options.MemberId), link.Name).Set(1);
        peer.Start();
        _log.Information("added {Kind} {Peer} at {Urls}", isStranger ? "remote peer" : "peer", link.Name, urls);
    }

    private void End(Dictionary<ulong, RemotePeer> peers, RemotePeer peer)
    {
        peers.Remove(peer.Id);
        Metrics.KnownPeers.With(PeerHeaders.Hex(Options.MemberId), PeerHeaders.Hex(peer.Id)).Set(0);
        _ending.Add(peer.DisposeAsync().AsTask());
        _log.Information("removed peer {Peer}", PeerHeaders.Hex(peer.Id));
    }

    private static List<Uri> Parse(IEnumerable<string> urls) =>
        [.. urls.Select(u => Uri.TryCreate(u, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url : null).OfType<Uri>()];
}
