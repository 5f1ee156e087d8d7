using System.Net;
using System.Threading.Channels;

namespace EtcdNet.Testing.Clients;

/// <summary>The body of a call that goes on: frames are sent when they come, until the caller completes it.</summary>
internal sealed class StreamedRequests : HttpContent
{
    private readonly Channel<byte[]> _frames = Channel.CreateUnbounded<byte[]>();

    /// <summary>Sends a frame.</summary>
    public void Send(byte[] frame)
    {
        if (!_frames.Writer.TryWrite(frame))
            throw new InvalidOperationException("the requests of this stream are complete");
    }

    /// <summary>Half-closes the call.</summary>
    public void Complete() => _frames.Writer.TryComplete();

    /// <inheritdoc/>
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    /// <inheritdoc/>
    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // The headers have to go out even when the first message comes later.
        await stream.FlushAsync(cancellationToken);
        await foreach (var frame in _frames.Reader.ReadAllAsync(cancellationToken))
        {
            await stream.WriteAsync(frame, cancellationToken);
            await stream.FlushAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    protected override bool TryComputeLength(out long length)
    {
        length = -1;
        return false;
    }
}
