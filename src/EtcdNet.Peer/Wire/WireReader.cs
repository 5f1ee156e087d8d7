namespace EtcdNet.Peer.Wire;

/// <summary>
/// Reads protobuf fields one after another. Bytes are handed out as parts of the buffer, not copied. Strict about lengths, since
/// the bytes come from the network.
/// </summary>
/// <remarks>Every method throws <see cref="InvalidDataException"/> when the bytes are no message.</remarks>
internal ref struct WireReader(ReadOnlyMemory<byte> data)
{
    private readonly ReadOnlySpan<byte> _span = data.Span;
    private int _at;
    private int _wireType;

    public bool Next(out int field)
    {
        field = 0;
        if (_at == _span.Length)
            return false;
        var tag = Raw();
        field = (int)Math.Min(tag >> 3, int.MaxValue);
        _wireType = (int)(tag & 7);
        return field > 0 ? true : throw new InvalidDataException("protobuf field number 0");
    }

    public ulong Varint()
    {
        Expect(0);
        return Raw();
    }

    public ReadOnlyMemory<byte> Bytes()
    {
        Expect(2);
        return Take(Raw());
    }

    /// <summary>A repeated number, packed or not.</summary>
    public void Numbers(List<ulong> into)
    {
        if (_wireType != 2)
        {
            into.Add(Varint());
            return;
        }

        var packed = new WireReader(Bytes());
        while (packed._at < packed._span.Length)
            into.Add(packed.Raw());
    }

    /// <summary>Passes over a field that is not known here: newer members may write such.</summary>
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
                throw new InvalidDataException($"protobuf wire type {_wireType}");
        }
    }

    private readonly void Expect(int wireType)
    {
        if (_wireType != wireType)
            throw new InvalidDataException($"protobuf wire type {_wireType} where {wireType} belongs");
    }

    private ReadOnlyMemory<byte> Take(ulong length)
    {
        if (length > (ulong)(_span.Length - _at))
            throw new InvalidDataException("protobuf message is cut off");
        var taken = data.Slice(_at, (int)length);
        _at += (int)length;
        return taken;
    }

    private ulong Raw()
    {
        ulong value = 0;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (_at == _span.Length)
                throw new InvalidDataException("protobuf message is cut off");
            var b = _span[_at++];
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80)
                return value;
        }

        throw new InvalidDataException("protobuf varint is too long");
    }
}
