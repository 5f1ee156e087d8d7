namespace EtcdNet.Raft;

/// <summary>Writes the two protobuf wire types that configuration changes need.</summary>
internal readonly struct ProtoWriter()
{
    private readonly List<byte> _bytes = new(32);

    public void Varint(int field, ulong value)
    {
        Raw((ulong)field << 3);
        Raw(value);
    }

    public void Bytes(int field, ReadOnlySpan<byte> value)
    {
        Raw(((ulong)field << 3) | 2);
        Raw((ulong)value.Length);
        _bytes.AddRange(value);
    }

    public byte[] ToArray() => _bytes.ToArray();

    private void Raw(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            _bytes.Add((byte)(value | 0x80));
        _bytes.Add((byte)value);
    }
}

/// <summary>Reads protobuf fields one after another; strict about lengths since the bytes may come from other members.</summary>
internal ref struct ProtoReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _rest = data;
    private int _wireType;

    public bool Next(out int field)
    {
        field = 0;
        if (_rest.IsEmpty)
            return false;
        var tag = Raw();
        field = (int)Math.Min(tag >> 3, int.MaxValue);
        _wireType = (int)(tag & 7);
        if (field == 0)
            throw new FormatException("protobuf field number 0");
        return true;
    }

    public ulong Varint()
    {
        Expect(0);
        return Raw();
    }

    public ReadOnlySpan<byte> Bytes()
    {
        Expect(2);
        return Take(Raw());
    }

    public void Skip()
    {
        switch (_wireType)
        {
            case 0:
                Raw();
                break;
            case 1:
                Take(8);
                break;
            case 2:
                Take(Raw());
                break;
            case 5:
                Take(4);
                break;
            default:
                throw new FormatException($"protobuf wire type {_wireType}");
        }
    }

    public T Skip<T>(T unchanged)
    {
        Skip();
        return unchanged;
    }

    private readonly void Expect(int wireType)
    {
        if (_wireType != wireType)
            throw new FormatException($"protobuf wire type {_wireType} where {wireType} belongs");
    }

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)_rest.Length)
            throw new FormatException("protobuf message is cut off");
        var taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }

    private ulong Raw()
    {
        ulong value = 0;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (_rest.IsEmpty)
                throw new FormatException("protobuf message is cut off");
            var b = _rest[0];
            _rest = _rest[1..];
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80)
                return value;
        }

        throw new FormatException("protobuf varint is too long");
    }
}
