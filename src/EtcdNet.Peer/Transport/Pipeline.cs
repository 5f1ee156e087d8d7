using System.Net;
using System.Net.Http.Headers;
using System.Threading.Channels;
using EtcdNet.Peer.Wire;
using EtcdNet.Raft;

namespace EtcdNet.Peer.Transport;

/// <summary>Messages as single requests, as long as there is no stream for them.</summary>
internal sealed class Pipeline(PeerLink link)
{
    private static readonly MediaTypeHeaderValue Protobuf = new("application/protobuf");

    private readonly Channel<Message> _messages = Channel.CreateBounded<Message>(link.Options.PipelineBuffer);

    /// <summary>Takes the message, or drops and reports it when too many wait.</summary>
    public void Send(Message message)
    {
        if (!_messages.Writer.TryWrite(message))
            link.Dropped();
    }

    /// <summary>Sends until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellation) =>
        Task.WhenAll(Enumerable.Range(0, link.Options.PipelineConnections).Select(_ => WorkAsync(cancellation)));

    private async Task WorkAsync(CancellationToken cancellation)
    {
        try
        {
            while (await _messages.Reader.WaitToReadAsync(cancellation).ConfigureAwait(false))
            {
                while (_messages.Reader.TryRead(out var message))
                    await PostAsync(message, cancellation).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    private async Task PostAsync(Message message, CancellationToken cancellation)
    {
        var url = link.Urls.Current;
        try
        {
            using var watch = new StreamWatch(link.Options, cancellation);
            watch.Expect(link.Options.DialTimeout + link.Options.WriteTimeout);
            using var request = link.Request(HttpMethod.Post, url, "/raft");
            var body = MessageCodec.Encode(message, PeerHeaders.FormFor(link.Version));
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = Protobuf } };
            using var answer = await link.Http.SendAsync(request, watch.Token).ConfigureAwait(false);
            await PeerLink.CheckAsync(answer, HttpStatusCode.NoContent, watch.Token).ConfigureAwait(false);
            link.SentBytes.Add(body.Length);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or PeerRefusedException)
        {
            if (cancellation.IsCancellationRequested)
                return;
            link.Urls.Failed(url);
            link.Note($"could not post {message.Type} to {url}", e);
            link.Dropped();
            if (e is PeerRefusedException { IsRemoved: true })
                link.Receiver.RemovedFromCluster();
        }
    }
}
