using System.Buffers;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// A large value in an array of its own with unused room on both sides, so that the entry that proposes it can be made around it instead
/// of from a copy. The value itself is written once, before anybody else sees it, and never changes; nor is the array pooled, since entry,
/// store and watchers keep it for as long as they like.
/// </summary>
internal sealed class ValueWithRoom : MemoryManager<byte>
{
    private readonly byte[] _bytes;
    private readonly int _start;
    private readonly int _length;
    private int _claimed;

    /// <param name="before">Bytes of room before the value.</param>
    /// <param name="value">Copied here.</param>
    /// <param name="behind">Bytes of room behind the value.</param>
    public ValueWithRoom(int before, in ReadOnlySequence<byte> value, int behind)
    {
        (_start, _length) = (before, checked((int)value.Length));
        // Zeros first would cost as much as the copy does.
        _bytes = GC.AllocateUninitializedArray<byte>(checked(before + _length + behind));
        value.CopyTo(_bytes.AsSpan(_start, _length));
    }

    /// <summary>
    /// Puts something before and behind the value. False when there is not enough room, or when that was done before:
    /// the result of the first time must not change.
    /// </summary>
    /// <param name="before">What comes before the value.</param>
    /// <param name="behind">What comes behind it.</param>
    /// <param name="whole">All three together.</param>
    public bool TryEnclose(ReadOnlySpan<byte> before, ReadOnlySpan<byte> behind, out ReadOnlyMemory<byte> whole)
    {
        whole = default;
        if (before.Length > _start || behind.Length > _bytes.Length - _start - _length || Interlocked.Exchange(ref _claimed, 1) != 0)
            return false;
        before.CopyTo(_bytes.AsSpan(_start - before.Length));
        behind.CopyTo(_bytes.AsSpan(_start + _length));
        whole = _bytes.AsMemory(_start - before.Length, before.Length + _length + behind.Length);
        return true;
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan() => _bytes.AsSpan(_start, _length);

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0) => _bytes.AsMemory(_start + elementIndex, _length - elementIndex).Pin();

    /// <inheritdoc/>
    public override void Unpin()
    {
        // The handle of Pin is the array's own.
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // The collector takes the array.
    }
}
