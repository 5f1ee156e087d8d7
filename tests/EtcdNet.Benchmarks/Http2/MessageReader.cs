using System.Buffers;
using System.Buffers.Binary;

namespace EtcdNet.Benchmarks.Http2;

/// <summary>Puts the gRPC messages of one stream together again.</summary>
internal sealed class MessageReader
{
    private const int PrefixLength = 5;
    private ArrayBufferWriter<byte>? _partial;

    /// <summary>Told of the body of each message.</summary>
    public delegate void Handler(ReadOnlySpan<byte> message);

    /// <summary>Takes bytes of the stream and hands over the messages that are complete.</summary>
    public void Add(ReadOnlySpan<byte> bytes, Handler handler)
    {
        if (_partial is not null)
        {
            _partial.Write(bytes);
            bytes = _partial.WrittenSpan;
        }

        int at = 0;
        while (bytes.Length - at >= PrefixLength)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(bytes[(at + 1)..]);
            if (bytes.Length - at < PrefixLength + length)
                break;
            handler(bytes.Slice(at + PrefixLength, length));
            at += PrefixLength + length;
        }

        Keep(bytes[at..]);
    }

    private void Keep(ReadOnlySpan<byte> rest)
    {
        if (_partial is not null && rest.Length == _partial.WrittenCount)
            return;
        if (rest.IsEmpty)
        {
            _partial = null;
            return;
        }

        int whole = rest.Length < PrefixLength ? PrefixLength : PrefixLength + BinaryPrimitives.ReadInt32BigEndian(rest[1..]);
        var next = new ArrayBufferWriter<byte>(whole);
        next.Write(rest);
        _partial = next;
    }
}
