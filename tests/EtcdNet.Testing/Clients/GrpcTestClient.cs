using System.Net;
using System.Net.Http.Headers;
using System.Text;
using EtcdNet.Protocol;
using Google.Protobuf;

namespace EtcdNet.Testing.Clients;

/// <summary>
/// A gRPC client over HTTP/2 without TLS, small enough to be trusted, with access to the raw bytes so that a test can send what no real client would.
/// Thread-safe.
/// </summary>
public sealed class GrpcTestClient : IDisposable
{
    private static readonly TimeSpan _callLimit = TimeSpan.FromSeconds(30);
    private readonly HttpClient _http;

    /// <summary>A client with connections of its own to one server.</summary>
    public GrpcTestClient(Uri server)
    {
        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            UseProxy = false,
            // One character a byte, so that a test can send headers that are no text.
            RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        };
        _http = new HttpClient(handler)
        {
            BaseAddress = server,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>A unary call. <paramref name="path"/> is <c>/package.Service/Method</c>.</summary>
    public Task<GrpcReply<TResponse>> CallAsync<TResponse>(string path, IMessage request, CancellationToken cancellation = default)
        where TResponse : class, IMessage<TResponse>, new() =>
        CallRawAsync<TResponse>(path, GrpcFrames.Encode(request), null, cancellation);

    /// <summary>A unary call with any bytes as its body and additional headers.</summary>
    public async Task<GrpcReply<TResponse>> CallRawAsync<TResponse>(
        string path,
        byte[] body,
        IReadOnlyDictionary<string, string>? headers = null,
        CancellationToken cancellation = default)
        where TResponse : class, IMessage<TResponse>, new()
    {
        var reply = await CallBytesAsync(path, body, headers, cancellation: cancellation);
        if (reply.Value is null)
            return new GrpcReply<TResponse>(reply.Status, reply.Message, null);
        var value = new TResponse();
        value.MergeFrom(reply.Value);
        return new GrpcReply<TResponse>(reply.Status, reply.Message, value);
    }

    /// <summary>A unary call of bytes: the framed request goes in, the body of the answer comes out. It may take 30 s unless told.</summary>
    public async Task<GrpcReply<byte[]>> CallBytesAsync(
        string path,
        byte[] body,
        IReadOnlyDictionary<string, string>? headers = null,
        TimeSpan? callLimit = null,
        CancellationToken cancellation = default)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(callLimit ?? _callLimit);
        using var request = NewRequest(path, new ByteArrayContent(body), headers);
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
        using var stream = await response.Content.ReadAsStreamAsync(limit.Token);
        var answer = await GrpcFrames.ReadAsync(stream, limit.Token);
        if (answer is not null && await GrpcFrames.ReadAsync(stream, limit.Token) is not null)
            throw new InvalidDataException($"{path} gave two messages to a unary call");
        var (status, message) = GrpcFrames.Status(response);
        if (status == GrpcStatus.OK && answer is null)
            throw new InvalidDataException($"{path} ended with OK and without a message");
        return new GrpcReply<byte[]>(status, message, status == GrpcStatus.OK ? answer : null);
    }

    /// <summary>Opens a call whose requests and answers are streams.</summary>
    public GrpcStream<TRequest, TResponse> Open<TRequest, TResponse>(string path, IReadOnlyDictionary<string, string>? headers = null)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>, new() =>
        new(OpenBytes(path, headers));

    /// <summary>Opens a streaming call of bytes.</summary>
    public GrpcByteStream OpenBytes(string path, IReadOnlyDictionary<string, string>? headers = null)
    {
        var content = new StreamedRequests();
        var response = _http.SendAsync(NewRequest(path, content, headers), HttpCompletionOption.ResponseHeadersRead);
        return new GrpcByteStream(path, content, response);
    }

    /// <summary>Closes the connections; calls in progress fail.</summary>
    public void Dispose() => _http.Dispose();

    private static HttpRequestMessage NewRequest(string path, HttpContent content, IReadOnlyDictionary<string, string>? headers)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = content,
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        foreach (var (name, value) in headers ?? new Dictionary<string, string>())
            request.Headers.TryAddWithoutValidation(name, value);
        return request;
    }
}
