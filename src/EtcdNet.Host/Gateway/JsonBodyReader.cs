using System.Buffers;
using System.IO.Pipelines;

namespace EtcdNet.Host.Gateway;

/// <summary>
/// The JSON values of a body, one after the other, as they come in. What is after the last one that is asked for is not
/// looked at. Not for concurrent use. Dispose gives the buffer back.
/// </summary>
internal sealed class JsonBodyReader(PipeReader body, int bytesMax) : IDisposable
{
    private const int FirstBufferBytes = 4096;

    private readonly JsonScanner _scanner = new();
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
    private int _start;
    private int _scanned;
    private int _end;
    private bool _bodyEnded;

    /// <summary>The next value without the blanks before it; empty at the end of the body. Valid until the next call.</summary>
    /// <exception cref="GatewayRequestException">The body is no JSON, or ends in the middle of a value.</exception>
    /// <exception cref="GatewayBodyTooLargeException">A value is larger than the limit.</exception>
    /// <exception cref="OperationCanceledException">The client is gone.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellation)
    {
        _scanner.Reset();
        while (true)
        {
            int length = _scanner.Scan(_buffer.AsSpan(_scanned, _end - _scanned));
            if (length >= 0)
                return Take(_scanned + length);
            _scanned = _end;
            if (_bodyEnded)
                return Last();
            await FillAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        byte[] buffer = _buffer;
        _buffer = [];
        _start = _scanned = _end = 0;
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
    }

    private ReadOnlyMemory<byte> Take(int end)
    {
        ReadOnlyMemory<byte> value = _buffer.AsMemory(_start, end - _start);
        _start = _scanned = end;
        return value.TrimStart(" \t\r\n"u8);
    }

    private ReadOnlyMemory<byte> Last()
    {
        if (_scanner.AtStart)
            return ReadOnlyMemory<byte>.Empty;
        return _scanner.EndsHere() ? Take(_end) : throw new GatewayRequestException("unexpected EOF");
    }

    private async ValueTask FillAsync(CancellationToken cancellation)
    {
        ReadResult read = await body.ReadAsync(cancellation).ConfigureAwait(false);
        if (read.IsCanceled)
            throw new OperationCanceledException(cancellation);
        ReadOnlySequence<byte> bytes = read.Buffer;
        try
        {
            MakeRoom(bytes.Length);
            bytes.CopyTo(_buffer.AsSpan(_end));
            _end += (int)bytes.Length;
        }
        finally
        {
            body.AdvanceTo(bytes.End);
        }
        _bodyEnded = read.IsCompleted;
    }

    private void MakeRoom(long more)
    {
        int kept = _end - _start;
        if (kept + more > bytesMax)
            throw new GatewayBodyTooLargeException(bytesMax);
        if (_end + more <= _buffer.Length)
            return;
        byte[] old = _buffer;
        byte[] larger = kept + more <= old.Length ? old : ArrayPool<byte>.Shared.Rent(Math.Max((int)(kept + more), Math.Min(old.Length * 2, bytesMax)));
        old.AsSpan(_start, kept).CopyTo(larger);
        _scanned -= _start;
        _end = kept;
        _start = 0;
        _buffer = larger;
        if (larger != old)
            ArrayPool<byte>.Shared.Return(old);
    }
}
