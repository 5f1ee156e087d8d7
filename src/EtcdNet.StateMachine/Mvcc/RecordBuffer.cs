using System.Buffers;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>Room for one record, from the pool of arrays: a large record leaves no garbage. Usable again after <see cref="Dispose"/>. Not thread-safe.</summary>
internal sealed class RecordBuffer : IBufferWriter<byte>, IDisposable
{
    private const int SmallestCapacity = 1024;
    private byte[] _bytes = [];
    private int _written;

    /// <summary>What was written since <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> WrittenSpan => _bytes.AsSpan(0, _written);

    /// <summary>The same, as memory; to be used before the buffer is.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, _written);

    /// <summary>Bytes held.</summary>
    public int Capacity => _bytes.Length;

    /// <summary>Forgets what was written.</summary>
    public void Clear() => _written = 0;

    /// <inheritdoc/>
    public void Advance(int count) => _written = checked(_written + count);

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        int needed = _written + Math.Max(sizeHint, 1);
        if (needed > _bytes.Length)
            Grow(Math.Max(needed, SmallestCapacity));
        return _bytes.AsMemory(_written);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <summary>Gives the room back.</summary>
    public void Dispose()
    {
        if (_bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(_bytes);
        (_bytes, _written) = ([], 0);
    }

    private void Grow(int capacity)
    {
        byte[] grown = ArrayPool<byte>.Shared.Rent(capacity);
        WrittenSpan.CopyTo(grown);
        if (_bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = grown;
    }
}
