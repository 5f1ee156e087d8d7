using System.Net;
using EtcdNet.Peer.Wire;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Peer.Transport;

/// <summary>
/// Messages from one member over a connection that we open to it, and open again when it breaks. A broken connection is tried again
/// at once: when that fails too, the other process is gone.
/// </summary>
internal sealed class IncomingStream(PeerLink link, StreamKind kind)
{
    private readonly PeerTransportOptions _options = link.Options;
    private readonly string _path = $"/raft/stream/{(kind == StreamKind.Append ? "msgapp" : "message")}/{PeerHeaders.Hex(link.Options.MemberId)}";
    private enum Attempt
    {
        /// <summary>There was a stream, which ended.</summary>
        Connected,

        /// <summary>The machine says that nobody is there.</summary>
        NobodyListens,

        /// <summary>No answer in time, or one that is no stream.</summary>
        Failed,
    }

    private TaskCompletionSource _nudge = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The other member shows that it is there: connect now.</summary>
    public void Nudge() => Volatile.Read(ref _nudge).TrySetResult();

    /// <summary>Connects and reads until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var pause = _options.DialRetry;
        var wasConnected = false;
        while (true)
        {
            var attempt = await ConnectAndReadAsync(cancellation).ConfigureAwait(false);
            if (cancellation.IsCancellationRequested)
                return;
            if (attempt == Attempt.NobodyListens && wasConnected)
            {
                wasConnected = false;
                link.Receiver.PeerGone(link.Id);
            }

            if (attempt == Attempt.Connected)
            {
                wasConnected = true;
                pause = _options.DialRetry;
                continue;
            }

            await PauseAsync(pause, cancellation).ConfigureAwait(false);
            pause = TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, _options.DialRetryMax.Ticks));
        }
    }

    private async Task<Attempt> ConnectAndReadAsync(CancellationToken cancellation)
    {
        var url = link.Urls.Current;
        var attempt = Attempt.Failed;
        try
        {
            using var watch = new StreamWatch(_options, cancellation);
            using var answer = await DialAsync(url, watch).ConfigureAwait(false);
            attempt = Attempt.Connected;
            link.Connected();
            await ReadAsync(answer, watch).ConfigureAwait(false);
            link.Disconnected($"it closed its {kind} stream");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or InvalidDataException or PeerRefusedException)
        {
            if (attempt == Attempt.Connected)
                link.Disconnected($"lost its {kind} stream ({PeerLink.Root(e)})");
            else if (e is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError })
                attempt = Attempt.NobodyListens;
            if (!cancellation.IsCancellationRequested)
                Failed(url, e);
        }

        return attempt;
    }

    private async Task<HttpResponseMessage> DialAsync(Uri url, StreamWatch watch)
    {
        using var request = link.Request(HttpMethod.Get, url, _path);
        request.Headers.TryAddWithoutValidation(PeerHeaders.To, link.Name);
        watch.Expect(_options.DialTimeout);
        var answer = await link.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, watch.Token).ConfigureAwait(false);
        try
        {
            await PeerLink.CheckAsync(answer, HttpStatusCode.OK, watch.Token).ConfigureAwait(false);
            link.Version = answer.Headers.TryGetValues(PeerHeaders.ServerVersion, out var values) ? values.FirstOrDefault() : null;
            return answer;
        }
        catch
        {
            answer.Dispose();
            throw;
        }
    }

    private async Task ReadAsync(HttpResponseMessage answer, StreamWatch watch)
    {
        var body = await answer.Content.ReadAsStreamAsync(watch.Token).ConfigureAwait(false);
        watch.Expect(Timeout.InfiniteTimeSpan);
        using var reader = new FrameReader(body, waits => watch.Expect(waits ? _options.ReadTimeout : Timeout.InfiniteTimeSpan));
        var decoder = StreamDecoder.For(kind, reader, link.Id, _options.MemberId);
        long counted = 0;
        while (await decoder.ReadAsync(watch.Token).ConfigureAwait(false) is { } message)
        {
            link.ReceivedBytes.Add(reader.Received - counted);
            counted = reader.Received;
            if (LinkHeartbeat.Is(message))
                continue;
            if (link.Receiver.Receive(link.Id, message) is var verdict and not (PeerVerdict.Taken or PeerVerdict.Stopped))
                link.Note($"{message.Type} of the {kind} stream was not taken: {verdict}");
        }
    }

    private void Failed(Uri url, Exception error)
    {
        link.Urls.Failed(url);
        link.ReceiveFailures.Add();
        link.Note($"no {kind} stream from {url}", error);
        if (error is PeerRefusedException { IsRemoved: true })
            link.Receiver.RemovedFromCluster();
    }

    private async Task PauseAsync(TimeSpan pause, CancellationToken cancellation)
    {
        var nudge = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _nudge, nudge);
        try
        {
            await nudge.Task.WaitAsync(pause, _options.Time, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            // The pause is over.
        }
    }
}
