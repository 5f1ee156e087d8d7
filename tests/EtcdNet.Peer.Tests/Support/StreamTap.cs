using System.Net.Http.Headers;
using EtcdNet.Peer.Wire;
using EtcdNet.Raft;

namespace EtcdNet.Peer.Tests.Support;

/// <summary>
/// Listens to the two streams of a real member, says yes to everything so that it goes on, and keeps the bytes as they came.
/// </summary>
internal sealed class StreamTap(Uri url, ulong self, ulong other, ulong cluster, string ownUrl) : IDisposable
{
    private readonly HttpClient _http = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _reading = [];

    public MemoryStream MessageBytes { get; } = new();

    public MemoryStream AppendBytes { get; } = new();

    /// <summary>Read with our decoders.</summary>
    public List<Message> Messages { get; } = [];

    public List<Message> Appends { get; } = [];

    /// <summary>Release of the real member.</summary>
    public string Version { get; private set; } = "";

    /// <summary>Dials both streams; false while the member is not there yet.</summary>
    public async Task<bool> TryStartAsync()
    {
        var streams = new List<Stream>();
        foreach (var kind in new[] { "message", "msgapp" })
        {
            var answer = await _http.SendAsync(Request(HttpMethod.Get, $"raft/stream/{kind}/{self:x}"), HttpCompletionOption.ResponseHeadersRead);
            if (!answer.IsSuccessStatusCode)
                return false;
            Version = answer.Headers.GetValues("X-Server-Version").Single();
            streams.Add(await answer.Content.ReadAsStreamAsync());
        }

        _reading.Add(ReadAsync(StreamKind.Message, new RecordingStream(streams[0], MessageBytes), Messages));
        _reading.Add(ReadAsync(StreamKind.Append, new RecordingStream(streams[1], AppendBytes), Appends));
        return true;
    }

    public int Count(Func<StreamTap, int> of)
    {
        lock (Messages)
            return of(this);
    }

    /// <summary>Ends both streams, so that the bytes change no more.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_reading);
    }

    public void Dispose()
    {
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task ReadAsync(StreamKind kind, Stream stream, List<Message> into)
    {
        using var reader = new FrameReader(stream);
        var decoder = StreamDecoder.For(kind, reader, other, self);
        try
        {
            while (await decoder.ReadAsync(_stop.Token) is { } message)
            {
                lock (Messages)
                    into.Add(message);
                await AnswerAsync(message);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or HttpRequestException)
        {
            // Stopped, by us or by the end of the other process.
        }
    }

    private async Task AnswerAsync(Message m)
    {
        MessageType? type = m.Type switch
        {
            MessageType.PreVote => MessageType.PreVoteResp,
            MessageType.Vote => MessageType.VoteResp,
            MessageType.App => MessageType.AppResp,
            MessageType.Heartbeat when m.From != 0 => MessageType.HeartbeatResp,
            _ => null,
        };
        if (type is null)
            return;
        var index = m.Type == MessageType.App ? m.Index + (ulong)m.Entries.Count : 0;
        var body = MessageCodec.Encode(new Message { Type = type.Value, From = self, To = other, Term = m.Term, Index = index, Context = m.Context });
        var request = Request(HttpMethod.Post, "raft");
        request.Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/protobuf") } };
        using var answer = await _http.SendAsync(request, _stop.Token);
    }

    private HttpRequestMessage Request(HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, new Uri(url, path));
        foreach (var (name, value) in new[]
        {
            ("X-Server-From", $"{self:x}"), ("X-Server-Version", "3.5.0"), ("X-Min-Cluster-Version", "3.0.0"), ("X-Etcd-Cluster-ID", $"{cluster:x}"),
            ("X-Raft-To", $"{other:x}"), ("X-PeerURLs", ownUrl),
        })
            request.Headers.TryAddWithoutValidation(name, value);
        return request;
    }

    private sealed class RecordingStream(Stream inner, MemoryStream copy) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = await inner.ReadAsync(buffer, cancellationToken);
            copy.Write(buffer.Span[..count]);
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
