using EtcdNet.Protocol;

namespace EtcdNet.Testing.Clients;

/// <summary>A streaming call in progress, as bytes. One reader at a time; sending is independent of reading.</summary>
public sealed class GrpcByteStream : IDisposable
{
    private static readonly TimeSpan _readLimit = TimeSpan.FromSeconds(15);
    private readonly string _path;
    private readonly StreamedRequests _requests;
    private readonly Task<HttpResponseMessage> _response;
    private Stream? _body;

    internal GrpcByteStream(string path, StreamedRequests requests, Task<HttpResponseMessage> response)
    {
        _path = path;
        _requests = requests;
        _response = response;
    }

    /// <summary>The status of the call, once <see cref="ReadAsync"/> has given null.</summary>
    public (GrpcStatus Status, string Message)? End { get; private set; }

    /// <summary>Sends a framed message.</summary>
    public void Send(byte[] frame) => _requests.Send(frame);

    /// <summary>Half-closes: nothing more will be sent.</summary>
    public void CompleteRequests() => _requests.Complete();

    /// <summary>The body of the next answer, or null at the end of the call.</summary>
    /// <exception cref="TimeoutException">Nothing came within the limit, 15 s by default.</exception>
    public async Task<byte[]?> ReadAsync(TimeSpan? limit = null)
    {
        using var cancel = new CancellationTokenSource(limit ?? _readLimit);
        try
        {
            var response = await _response.WaitAsync(cancel.Token);
            _body ??= await response.Content.ReadAsStreamAsync(cancel.Token);
            var message = await GrpcFrames.ReadAsync(_body, cancel.Token);
            if (message is null)
                End = GrpcFrames.Status(response);
            return message;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            throw new TimeoutException($"nothing came on the stream {_path}");
        }
    }

    /// <summary>Ends the call; the server sees a cancellation when it was not over.</summary>
    public void Dispose()
    {
        _requests.Complete();
        _body?.Dispose();
        if (_response.IsCompletedSuccessfully)
            _response.Result.Dispose();
    }
}
