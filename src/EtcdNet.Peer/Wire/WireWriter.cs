using System.Buffers;

namespace EtcdNet.Peer.Wire;

/// <summary>Writes protobuf fields and big-endian numbers into a buffer writer, without a copy in between. Call <see cref="Commit"/> at the end.</summary>
internal ref struct WireWriter(IBufferWriter<byte> output)
{
    private const int MaxVarint = 10;
    private const int Chunk = 512;

    private Span<byte> _free;
    private int _used;

    /// <summary>Bytes written since the start.</summary>
    public long Written { get; private set; }

    public void Byte(byte value)
    {
        Reserve(1);
        _free[_used++] = value;
        Written++;
    }

    public void UInt64BigEndian(ulong value)
    {
        Reserve(sizeof(ulong));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(_free[_used..], value);
        _used += sizeof(ulong);
        Written += sizeof(ulong);
    }

    /// <summary>A field of wire type 0.</summary>
    public void Field(byte tag, ulong value)
    {
        Byte(tag);
        Varint(value);
    }

    /// <summary>A field of wire type 2.</summary>
    public void Field(byte tag, ReadOnlySpan<byte> value)
    {
        Byte(tag);
        Varint((ulong)value.Length);
        Raw(value);
    }

    public void Varint(ulong value)
    {
        Reserve(MaxVarint);
        var start = _used;
        for (; value >= 0x80; value >>= 7)
            _free[_used++] = (byte)(value | 0x80);
        _free[_used++] = (byte)value;
        Written += _used - start;
    }

    public void Raw(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length <= _free.Length - _used)
        {
            bytes.CopyTo(_free[_used..]);
            _used += bytes.Length;
        }
        else
        {
            Commit();
            output.Write(bytes);
        }

        Written += bytes.Length;
    }

    /// <summary>Hands everything written so far to the output.</summary>
    public void Commit()
    {
        // A writer may refuse to advance before it was asked for room.
        if (_used > 0)
            output.Advance(_used);
        _free = default;
        _used = 0;
    }

    private void Reserve(int count)
    {
        if (count <= _free.Length - _used)
            return;
        Commit();
        _free = output.GetSpan(Chunk);
    }
}
