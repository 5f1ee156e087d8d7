using System.Buffers.Binary;
using System.IO.Pipelines;

namespace EtcdNet.Grpc.Transport;

/// <summary>
/// Passes Kestrel's frames on and notes when headers or data leave (the ping policy asks). After <see cref="SendAway"/> the
/// next flush is followed by our own GOAWAY, and nothing that comes later leaves: Kestrel has no way to say GOAWAY with a
/// code and a text, and clients slow their pings down only when they read that text.
/// </summary>
/// <remarks>Kestrel flushes whole frames only and one flush at a time, so the GOAWAY never lands inside a frame.</remarks>
internal sealed class Http2OutputGuard(PipeWriter inner, ConnectionState connection) : PipeWriter
{
    private const int FrameHeaderSize = 9;
    private const byte TypeHeaders = 1;

    private readonly byte[] _header = new byte[FrameHeaderSize];
    private Memory<byte> _lent;
    private int _headerFilled;
    private int _payloadLeft;
    private byte[]? _goAway;
    private byte[]? _sink;

    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => inner.UnflushedBytes;

    /// <summary>True once the GOAWAY has been written.</summary>
    public bool IsShut => Volatile.Read(ref _sink) is not null;

    /// <summary>Called once, when the GOAWAY has been written: the reading side has to end.</summary>
    public Action? Shut { get; set; }

    /// <summary>Asks for a GOAWAY (a whole frame) with the next flush. May be called from any thread.</summary>
    public void SendAway(byte[] goAway) => Volatile.Write(ref _goAway, goAway);

    public override void Advance(int bytes)
    {
        if (_sink is not null)
            return;
        Follow(_lent.Span[..bytes]);
        _lent = _lent[bytes..];
        inner.Advance(bytes);
    }

    public override Memory<byte> GetMemory(int sizeHint = 0) =>
        _lent = _sink is null ? inner.GetMemory(sizeHint) : Sink(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (_sink is not null)
            return ValueTask.FromResult(new FlushResult(isCanceled: false, isCompleted: true));
        // A frame under way is never broken into; the flush after it will do.
        bool betweenFrames = _payloadLeft == 0 && _headerFilled == 0;
        if (Volatile.Read(ref _goAway) is not { } goAway || !betweenFrames)
            return inner.FlushAsync(cancellationToken);
        goAway.CopyTo(inner.GetSpan(goAway.Length));
        inner.Advance(goAway.Length);
        Volatile.Write(ref _sink, new byte[4096]);
        var flush = inner.FlushAsync(cancellationToken);
        Shut?.Invoke();
        return flush;
    }

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    /// <summary>Follows the frames through what was written, in pieces of any size.</summary>
    private void Follow(ReadOnlySpan<byte> written)
    {
        while (!written.IsEmpty)
        {
            if (_payloadLeft > 0)
            {
                int step = Math.Min(_payloadLeft, written.Length);
                _payloadLeft -= step;
                written = written[step..];
                continue;
            }

            int part = Math.Min(FrameHeaderSize - _headerFilled, written.Length);
            written[..part].CopyTo(_header.AsSpan(_headerFilled));
            _headerFilled += part;
            written = written[part..];
            if (_headerFilled < FrameHeaderSize)
                return;
            _headerFilled = 0;
            _payloadLeft = (_header[0] << 16) | BinaryPrimitives.ReadUInt16BigEndian(_header.AsSpan(1));
            // DATA is 0, HEADERS is 1.
            if (_header[3] <= TypeHeaders)
                connection.ServerSent();
        }
    }

    private byte[] Sink(int sizeHint)
    {
        if (_sink!.Length < sizeHint)
            _sink = new byte[sizeHint];
        return _sink;
    }
}
