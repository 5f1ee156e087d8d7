using EtcdNet.Server.Metrics;

namespace EtcdNet.Peer.Transport;

/// <summary>
/// Lets a blocking writer write to the network: in large pieces, not faster than allowed, and not waiting for a receiver that takes
/// nothing for too long.
/// </summary>
internal sealed class PacedStream(Stream network, PeerTransportOptions options, StreamWatch watch, Counter sent) : Stream
{
    private const int PieceBytes = 128 << 10;

    /// <summary>Store and receiver may both stand still for a while, for a sync or a busy disk; a dead receiver stands still longer.</summary>
    private static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(60);

    private readonly long _started = options.Time.GetTimestamp();
    private readonly byte[] _piece = new byte[PieceBytes];
    private int _filled;
    private long _written;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            var count = Math.Min(buffer.Length, PieceBytes - _filled);
            buffer[..count].CopyTo(_piece.AsSpan(_filled));
            _filled += count;
            buffer = buffer[count..];
            if (_filled == PieceBytes)
                Flush();
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
        if (_filled == 0)
            return;
        SendAsync().GetAwaiter().GetResult();
        _filled = 0;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async Task SendAsync()
    {
        await PaceAsync().ConfigureAwait(false);
        watch.Expect(StallLimit);
        await network.WriteAsync(_piece.AsMemory(0, _filled), watch.Token).ConfigureAwait(false);
        await network.FlushAsync(watch.Token).ConfigureAwait(false);
        watch.Expect(StallLimit);
        _written += _filled;
        sent.Add(_filled);
    }

    private async ValueTask PaceAsync()
    {
        if (options.SnapshotBytesPerSecond <= 0)
            return;
        var due = TimeSpan.FromSeconds((double)_written / options.SnapshotBytesPerSecond);
        var early = due - options.Time.GetElapsedTime(_started);
        if (early <= TimeSpan.Zero)
            return;
        watch.Expect(early + StallLimit);
        await Task.Delay(early, options.Time, watch.Token).ConfigureAwait(false);
    }
}
