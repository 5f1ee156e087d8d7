using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using EtcdNet.Peer.Wire;
using EtcdNet.Raft;
using EtcdNet.Server.Snapshots;

namespace EtcdNet.Peer.Transport;

/// <summary>
/// Sends snapshots to one member, one at a time. The state flows from the store to the network; nothing holds it as a whole. A broken
/// transfer is reported, and Raft asks for a new one.
/// </summary>
internal sealed class SnapshotSender(PeerLink link, PeerMetrics metrics)
{
    private int _isBusy;

    /// <summary>Starts sending and disposes the state in the end. A second one while the first is under way is reported as failed.</summary>
    public void Send(Message message, IOutgoingSnapshot state, CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref _isBusy, 1) == 0)
        {
            _ = Task.Run(() => SendAsync(message, state, cancellation), CancellationToken.None);
            return;
        }

        state.Dispose();
        link.SendFailures.Add();
        link.Receiver.ReportSnapshot(link.Id, false);
    }

    private async Task SendAsync(Message message, IOutgoingSnapshot state, CancellationToken cancellation)
    {
        var started = link.Options.Time.GetTimestamp();
        metrics.SnapshotSendsInFlight.With(link.Name).Add(1);
        var ok = false;
        try
        {
            using (state)
                await PostAsync(message, state, cancellation).ConfigureAwait(false);
            ok = true;
            metrics.SnapshotSendDuration.With(link.Name).Observe(link.Options.Time.GetElapsedTime(started));
            link.Log.Information("sent a snapshot at index {Index}", message.Snapshot?.Metadata.Index);
        }
        catch (Exception e)
        {
            // Whatever the store or the network threw: this transfer failed, and the leader goes on.
            link.Log.Warning("failed to send a snapshot at index {Index}: {Reason}", message.Snapshot?.Metadata.Index, PeerLink.Root(e));
            if (e is PeerRefusedException { IsRemoved: true })
                link.Receiver.RemovedFromCluster();
        }

        metrics.SnapshotSendsInFlight.With(link.Name).Add(-1);
        (ok ? metrics.SnapshotSends : metrics.SnapshotSendFailures).With(link.Name).Add();
        Volatile.Write(ref _isBusy, 0);
        if (!ok)
            link.Receiver.ReportUnreachable(link.Id);
        link.Receiver.ReportSnapshot(link.Id, ok);
    }

    private async Task PostAsync(Message message, IOutgoingSnapshot state, CancellationToken cancellation)
    {
        var url = link.Urls.Current;
        using var watch = new StreamWatch(link.Options, cancellation);
        watch.Expect(link.Options.DialTimeout + link.Options.WriteTimeout);
        using var request = link.Request(HttpMethod.Post, url, "/raft/snapshot");
        request.Headers.TransferEncodingChunked = true;
        request.Content = new SnapshotContent(link, message, state, watch);
        try
        {
            using var answer = await link.Http.SendAsync(request, watch.Token).ConfigureAwait(false);
            await PeerLink.CheckAsync(answer, HttpStatusCode.NoContent, watch.Token).ConfigureAwait(false);
        }
        catch (HttpRequestException)
        {
            link.Urls.Failed(url);
            throw;
        }
    }

    /// <summary>The body: the message, then the state, written on a thread of its own because the store writes blockingly.</summary>
    private sealed class SnapshotContent : HttpContent
    {
        private readonly PeerLink _link;
        private readonly Message _message;
        private readonly IOutgoingSnapshot _state;
        private readonly StreamWatch _watch;

        public SnapshotContent(PeerLink link, Message message, IOutgoingSnapshot state, StreamWatch watch)
        {
            (_link, _message, _state, _watch) = (link, message, state, watch);
            Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var head = new ArrayBufferWriter<byte>();
            SnapshotFrame.Write(head, _message, PeerHeaders.FormFor(_link.Version));
            await BlockingThread.RunAsync("snapshot-send", () =>
            {
                using var paced = new PacedStream(stream, _link.Options, _watch, _link.SentBytes);
                paced.Write(head.WrittenSpan);
                _state.WriteTo(paced);
                paced.Flush();
            }).ConfigureAwait(false);
            _watch.Expect(_link.Options.SnapshotSaveTimeout);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
