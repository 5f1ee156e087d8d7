using EtcdNet.Peer.Transport;

namespace EtcdNet.Peer.Listening;

/// <summary>Lets a blocking reader read the body of a request, and ends it when nothing comes for too long.</summary>
internal sealed class BlockingReadStream(Stream body, PeerTransportOptions options, CancellationToken aborted) : Stream
{
    /// <summary>As the sender's: longer than any sync of a disk.</summary>
    private static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(60);

    private readonly StreamWatch _watch = new(options, aborted);

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        _watch.Expect(StallLimit);
        try
        {
            return body.ReadAsync(buffer.AsMemory(offset, count), _watch.Token).AsTask().GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            throw new IOException(aborted.IsCancellationRequested ? "the sender closed the connection" : "the sender stands still");
        }
        finally
        {
            _watch.Expect(Timeout.InfiniteTimeSpan);
        }
    }

    public override void Flush()
    {
    }

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _watch.Dispose();
        base.Dispose(disposing);
    }
}
