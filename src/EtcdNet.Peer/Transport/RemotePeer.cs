using EtcdNet.Peer.Wire;
using EtcdNet.Raft;
using EtcdNet.Server.Snapshots;

namespace EtcdNet.Peer.Transport;

/// <summary>
/// Everything between this member and one other. Entries have a stream of their own, so that heartbeats and votes never wait behind
/// them. A stranger, who is known only by a request of its, gets answers but no streams.
/// </summary>
internal sealed class RemotePeer : IAsyncDisposable
{
    private readonly Pipeline _pipeline;
    private readonly SnapshotSender _snapshots;
    private readonly IncomingStream _incomingMessages;
    private readonly IncomingStream _incomingAppends;
    private readonly OutgoingStream _messages;
    private readonly OutgoingStream _appends;
    private readonly Prober _prober;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _stopped;
    private Task _running = Task.CompletedTask;

    public RemotePeer(PeerLink link, PeerMetrics metrics, bool isStranger)
    {
        (Link, IsStranger, _stopped) = (link, isStranger, _stop.Token);
        _pipeline = new Pipeline(link);
        _snapshots = new SnapshotSender(link, metrics);
        _incomingMessages = new IncomingStream(link, StreamKind.Message);
        _incomingAppends = new IncomingStream(link, StreamKind.Append);
        _messages = new OutgoingStream(link, StreamKind.Message);
        _appends = new OutgoingStream(link, StreamKind.Append);
        _prober = new Prober(link, metrics);
    }

    public PeerLink Link { get; }

    public ulong Id => Link.Id;

    /// <summary>Not a member as far as is known here.</summary>
    public bool IsStranger { get; }

    public DateTimeOffset? ActiveSince => Link.ActiveSince;

    public bool HasStreams => _messages.IsConnected && _appends.IsConnected;

    public void Start()
    {
        var pipeline = Run(_pipeline.RunAsync);
        _running = IsStranger ? pipeline
            : Task.WhenAll(pipeline, Run(_incomingMessages.RunAsync), Run(_incomingAppends.RunAsync), Run(_prober.RunAsync));
    }

    public void ReplaceUrls(IReadOnlyList<Uri> urls) => Link.Urls.Replace(urls);

    /// <summary>Never blocks.</summary>
    public void Send(Message message)
    {
        var stream = message.Type == MessageType.App ? _appends : _messages;
        if (!stream.TrySend(message))
            _pipeline.Send(message);
    }

    public void SendSnapshot(Message message, IOutgoingSnapshot state) => _snapshots.Send(message, state, _stopped);

    /// <summary>Sends on a connection that the other member opened, until it ends.</summary>
    public Task ServeAsync(StreamKind kind, System.IO.Pipelines.PipeWriter output, string? version, CancellationToken aborted)
    {
        // Whoever dials in is there: no need to wait out a pause.
        _incomingMessages.Nudge();
        _incomingAppends.Nudge();
        return (kind == StreamKind.Append ? _appends : _messages).ServeAsync(output, version, aborted);
    }

    /// <summary>Ends everything. What waits is dropped.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        _messages.Stop();
        _appends.Stop();
        await _running.ConfigureAwait(false);
        _stop.Dispose();
    }

    private Task Run(Func<CancellationToken, Task> work) => Task.Run(() => work(_stopped), CancellationToken.None);
}
