using System.Globalization;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EtcdNet.Grpc.Internal;

/// <summary>What Kestrel gives a call, for one that comes from inside the process.</summary>
internal sealed class LoopbackFeatures :
    IHttpRequestLifetimeFeature, IRequestBodyPipeFeature, IHttpResponseBodyFeature, IHttpResponseTrailersFeature, IDisposable
{
    private readonly HttpRequestFeature _request;
    private readonly HttpResponseFeature _response = new();
    private readonly CancellationTokenSource _aborted;
    private readonly PipeWriter _output;

    public LoopbackFeatures(string path, IHeaderDictionary metadata, PipeReader requests, PipeWriter responses, CancellationToken outerAborted)
    {
        _request = new HttpRequestFeature { Protocol = "HTTP/2", Method = HttpMethods.Post, RawTarget = path, Path = path, Headers = metadata };
        Reader = requests;
        _output = responses;
        _aborted = CancellationTokenSource.CreateLinkedTokenSource(outerAborted);
        RequestAborted = _aborted.Token;
    }

    public CancellationToken RequestAborted { get; set; }

    public PipeReader Reader { get; }

    public PipeWriter Writer => _output;

    public Stream Stream => _output.AsStream(leaveOpen: true);

    public IHeaderDictionary Trailers { get; set; } = new HeaderDictionary();

    public void AddTo(FeatureCollection features)
    {
        features.Set<IHttpRequestFeature>(_request);
        features.Set<IHttpResponseFeature>(_response);
        features.Set<IHttpRequestLifetimeFeature>(this);
        features.Set<IRequestBodyPipeFeature>(this);
        features.Set<IHttpResponseBodyFeature>(this);
        features.Set<IHttpResponseTrailersFeature>(this);
    }

    /// <summary>The status that the call left: in the headers when nothing was written, else in the trailers.</summary>
    public (GrpcStatusCode Code, string Message) Status()
    {
        IHeaderDictionary fields = _response.Headers.GrpcStatus.Count > 0 ? _response.Headers : Trailers;
        return int.TryParse(fields.GrpcStatus.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out int code)
            ? ((GrpcStatusCode)code, PercentEncoding.Decode(fields.GrpcMessage.ToString()))
            : (GrpcStatusCode.Internal, "the call ended without a status");
    }

    public void Abort() => _aborted.Cancel();

    public void Dispose() => _aborted.Dispose();

    public void DisableBuffering()
    {
    }

    public Task StartAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

    public Task CompleteAsync() => Task.CompletedTask;

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException("gRPC sends no files");
}
