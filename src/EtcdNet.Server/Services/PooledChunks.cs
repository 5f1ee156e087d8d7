using System.Buffers;

namespace EtcdNet.Server.Services;

/// <summary>Bytes in rented pieces, so that an answer of some hundred kilobytes leaves no garbage. Not thread-safe.</summary>
internal sealed class PooledChunks : IBufferWriter<byte>, IDisposable
{
    private const int ChunkBytes = 64 << 10;

    private readonly List<(byte[] Bytes, int Length)> _full = [];
    private byte[]? _current;
    private int _written;

    /// <summary>Bytes written.</summary>
    public long Length { get; private set; }

    /// <inheritdoc/>
    public void Advance(int count)
    {
        _written += count;
        Length += count;
    }

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        sizeHint = Math.Max(sizeHint, 1);
        if (_current is not null && _current.Length - _written >= sizeHint)
            return _current.AsMemory(_written);
        if (_current is not null)
            _full.Add((_current, _written));
        _current = ArrayPool<byte>.Shared.Rent(Math.Max(ChunkBytes, sizeHint));
        _written = 0;
        return _current;
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <summary>Copies a piece out; false behind the last one.</summary>
    public bool TryCopy(int piece, IBufferWriter<byte> destination)
    {
        if (piece < _full.Count)
            destination.Write(_full[piece].Bytes.AsSpan(0, _full[piece].Length));
        else if (piece == _full.Count && _current is not null)
            destination.Write(_current.AsSpan(0, _written));
        else
            return false;
        return true;
    }

    /// <summary>Forgets everything, and keeps one piece.</summary>
    public void Clear()
    {
        foreach ((byte[] bytes, _) in _full)
            ArrayPool<byte>.Shared.Return(bytes);
        _full.Clear();
        _written = 0;
        Length = 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Clear();
        if (_current is not null)
            ArrayPool<byte>.Shared.Return(_current);
        _current = null;
    }
}
