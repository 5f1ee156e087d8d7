using System.Buffers.Binary;
using System.Net.Http.Headers;
using System.Net;
using System.Threading.Channels;
using Google.Protobuf;

namespace EtcdNet.Grpc.Tests;

/// <summary>How a call ended, as the wire showed it.</summary>
internal sealed record GrpcResult<T>(T? Message, int Code, string Text, bool TrailersOnly, HttpResponseMessage Response)
    where T : class;

/// <summary>A small gRPC client over HttpClient.</summary>
internal sealed class GrpcClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly string _url;

    public GrpcClient(string url, Action<SocketsHttpHandler>? configure = null)
    {
        var handler = new SocketsHttpHandler { UseProxy = false };
        configure?.Invoke(handler);
        _http = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(60) };
        _url = url;
    }

    public static byte[] Frame(byte[] message, byte flag = 0)
    {
        byte[] frame = new byte[5 + message.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    public HttpRequestMessage Request(string path, HttpContent content, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, _url + path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        content.Headers.ContentType ??= new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.ParseAdd("trailers");
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return request;
    }

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken = default) =>
        _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);

    public Task<GrpcResult<T>> UnaryAsync<T>(
        string path, IMessage message, MessageParser<T> parser, params (string Name, string Value)[] headers)
        where T : class, IMessage<T> => RawUnaryAsync(path, Frame(message.ToByteArray()), parser, default, headers);

    public async Task<GrpcResult<T>> RawUnaryAsync<T>(
        string path,
        byte[] body,
        MessageParser<T> parser,
        CancellationToken cancellationToken = default,
        params (string Name, string Value)[] headers)
        where T : class, IMessage<T>
    {
        using var request = Request(path, new ByteArrayContent(body), headers);
        var response = await SendAsync(request, cancellationToken);
        byte[] answer = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        var message = answer.Length == 0 ? null : parser.ParseFrom(answer.AsSpan(5));
        return Result(response, message);
    }

    public static GrpcResult<T> Result<T>(HttpResponseMessage response, T? message)
        where T : class
    {
        bool inHeaders = response.Headers.Contains("grpc-status");
        HttpHeaders fields = inHeaders ? response.Headers : response.TrailingHeaders;
        int code = int.Parse(fields.GetValues("grpc-status").Single());
        string text = fields.TryGetValues("grpc-message", out var values) ? Uri.UnescapeDataString(values.Single()) : "";
        return new GrpcResult<T>(message, code, text, inHeaders, response);
    }

    /// <summary>Opens a stream whose requests are written by hand.</summary>
    public async Task<GrpcStream> OpenAsync(string path, params (string Name, string Value)[] headers)
    {
        var content = new PushContent();
        var request = Request(path, content, headers);
        var response = await SendAsync(request, content.Cut.Token);
        return new GrpcStream(content, response, await response.Content.ReadAsStreamAsync());
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>A request body that is written while the response is read.</summary>
internal sealed class PushContent : HttpContent
{
    private readonly Channel<byte[]> _frames = Channel.CreateUnbounded<byte[]>();

    public CancellationTokenSource Cut { get; } = new();

    public void Write(byte[] frame) => Assert.True(_frames.Writer.TryWrite(frame));

    public void End() => _frames.Writer.TryComplete();

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, default);

    protected override async Task SerializeToStreamAsync(
        Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        await stream.FlushAsync(cancellationToken);
        await foreach (byte[] frame in _frames.Reader.ReadAllAsync(cancellationToken))
        {
            await stream.WriteAsync(frame, cancellationToken);
            await stream.FlushAsync(cancellationToken);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}

/// <summary>An open call with streams.</summary>
internal sealed class GrpcStream(PushContent content, HttpResponseMessage response, Stream body) : IDisposable
{
    public HttpResponseMessage Response => response;

    public void Write(IMessage message) => content.Write(GrpcClient.Frame(message.ToByteArray()));

    public void WriteRaw(byte[] bytes) => content.Write(bytes);

    public void End() => content.End();

    /// <summary>The next message, or null at the end, when the status is there.</summary>
    public async Task<T?> ReadAsync<T>(MessageParser<T> parser)
        where T : class, IMessage<T>
    {
        byte[] prefix = new byte[5];
        int read = await body.ReadAtLeastAsync(prefix, 5, throwOnEndOfStream: false);
        if (read == 0)
            return null;
        Assert.Equal(5, read);
        byte[] message = new byte[BinaryPrimitives.ReadInt32BigEndian(prefix.AsSpan(1))];
        await body.ReadExactlyAsync(message);
        return parser.ParseFrom(message);
    }

    public GrpcResult<object> Status() => GrpcClient.Result<object>(response, null);

    /// <summary>RST_STREAM.</summary>
    public void Cancel()
    {
        response.Dispose();
        content.Cut.Cancel();
    }

    public void Dispose()
    {
        content.End();
        response.Dispose();
    }
}
