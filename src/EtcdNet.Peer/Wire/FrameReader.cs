using System.Buffers;
using System.Buffers.Binary;

namespace EtcdNet.Peer.Wire;

/// <summary>
/// Reads numbers and blocks from a stream through a buffer. Memory grows with what arrives, never with what a length only claims.
/// One reader at a time.
/// </summary>
/// <param name="stream">Where the bytes come from.</param>
/// <param name="waiting">Called with true when the stream has nothing right now, and with false when something came: the owner watches the clock in between.</param>
internal sealed class FrameReader(Stream stream, Action<bool>? waiting = null) : IDisposable
{
    /// <summary>etcd's limit for one message: 512 MiB.</summary>
    public const ulong MaxFrame = 512ul << 20;

    private const int BufferSize = 64 << 10;
    private const int FirstBlock = 1 << 20;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
    private int _start;
    private int _end;

    /// <summary>Bytes taken from the stream so far.</summary>
    public long Received { get; private set; }

    /// <summary>Waits for the next byte; false at the end of the stream.</summary>
    public async ValueTask<bool> HasMoreAsync(CancellationToken cancellation) =>
        _start < _end || await FillAsync(1, cancellation).ConfigureAwait(false);

    /// <exception cref="EndOfStreamException">The stream ended.</exception>
    public async ValueTask<byte> ReadByteAsync(CancellationToken cancellation)
    {
        await NeedAsync(1, cancellation).ConfigureAwait(false);
        return _buffer[_start++];
    }

    /// <exception cref="EndOfStreamException">The stream ended.</exception>
    public async ValueTask<ulong> ReadUInt64Async(CancellationToken cancellation)
    {
        await NeedAsync(sizeof(ulong), cancellation).ConfigureAwait(false);
        var value = BinaryPrimitives.ReadUInt64BigEndian(_buffer.AsSpan(_start));
        _start += sizeof(ulong);
        return value;
    }

    /// <summary>A length and as many bytes, in an array of their own.</summary>
    /// <exception cref="InvalidDataException">The length is above <see cref="MaxFrame"/>.</exception>
    /// <exception cref="EndOfStreamException">The stream ended.</exception>
    public async ValueTask<byte[]> ReadBlockAsync(CancellationToken cancellation)
    {
        var length = await ReadUInt64Async(cancellation).ConfigureAwait(false);
        if (length > MaxFrame)
            throw new InvalidDataException($"a message of {length} bytes");
        var block = new byte[Math.Min((int)length, FirstBlock)];
        var done = 0;
        while (true)
        {
            done += await FillBlockAsync(block.AsMemory(done), cancellation).ConfigureAwait(false);
            if (done == (int)length)
                return block;
            Array.Resize(ref block, (int)Math.Min((long)length, 2L * block.Length));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        var buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
    }

    private async ValueTask<int> FillBlockAsync(Memory<byte> block, CancellationToken cancellation)
    {
        var buffered = Math.Min(block.Length, _end - _start);
        _buffer.AsSpan(_start, buffered).CopyTo(block.Span);
        _start += buffered;
        for (var done = buffered; done < block.Length;)
        {
            var count = await ReadAsync(block[done..], cancellation).ConfigureAwait(false);
            done += count > 0 ? count : throw new EndOfStreamException("the stream ended within a message");
        }

        return block.Length;
    }

    private async ValueTask NeedAsync(int count, CancellationToken cancellation)
    {
        if (_end - _start < count && !await FillAsync(count, cancellation).ConfigureAwait(false))
            throw new EndOfStreamException("the stream ended");
    }

    private async ValueTask<bool> FillAsync(int count, CancellationToken cancellation)
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        while (_end < count)
        {
            var got = await ReadAsync(_buffer.AsMemory(_end), cancellation).ConfigureAwait(false);
            if (got == 0)
                return false;
            _end += got;
        }

        return true;
    }

    private async ValueTask<int> ReadAsync(Memory<byte> into, CancellationToken cancellation)
    {
        var read = stream.ReadAsync(into, cancellation);
        int count;
        if (read.IsCompleted || waiting is null)
        {
            count = await read.ConfigureAwait(false);
        }
        else
        {
            waiting(true);
            count = await read.ConfigureAwait(false);
            waiting(false);
        }

        Received += count;
        return count;
    }
}
