using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Server.Consensus;

/// <summary>Finds the request id of an entry without parsing the request.</summary>
internal static class EntryHeader
{
    private const uint HeaderTag = (InternalRaftRequest.HeaderFieldNumber << 3) | 2;
    private const uint IdTag = RequestHeader.IDFieldNumber << 3;

    /// <summary>The id in the header of an InternalRaftRequest; 0 when there is none.</summary>
    /// <exception cref="InvalidProtocolBufferException">The entry is no protocol message.</exception>
    public static ulong RequestId(ReadOnlySpan<byte> entry)
    {
        while (!entry.IsEmpty)
        {
            uint tag = (uint)ReadVarint(ref entry);
            if (tag == HeaderTag)
            {
                int length = checked((int)ReadVarint(ref entry));
                return IdOfHeader(Take(ref entry, length));
            }
            Skip(ref entry, tag);
        }
        return 0;
    }

    private static ulong IdOfHeader(ReadOnlySpan<byte> header)
    {
        while (!header.IsEmpty)
        {
            uint tag = (uint)ReadVarint(ref header);
            if (tag == IdTag)
                return ReadVarint(ref header);
            Skip(ref header, tag);
        }
        return 0;
    }

    private static void Skip(ref ReadOnlySpan<byte> bytes, uint tag)
    {
        switch (tag & 7)
        {
            case 0:
                ReadVarint(ref bytes);
                break;
            case 1:
                Take(ref bytes, 8);
                break;
            case 2:
                Take(ref bytes, checked((int)ReadVarint(ref bytes)));
                break;
            case 5:
                Take(ref bytes, 4);
                break;
            default:
                throw new InvalidDataException($"entry is not a request: wire type {tag & 7}");
        }
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> bytes, int length)
    {
        if (length > bytes.Length)
            throw new InvalidDataException($"entry is not a request: a field of {length} bytes where {bytes.Length} are left");
        ReadOnlySpan<byte> taken = bytes[..length];
        bytes = bytes[length..];
        return taken;
    }

    private static ulong ReadVarint(ref ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int shift = 0, i = 0; shift < 64 && i < bytes.Length; shift += 7, i++)
        {
            value |= (ulong)(bytes[i] & 0x7f) << shift;
            if (bytes[i] < 0x80)
            {
                bytes = bytes[(i + 1)..];
                return value;
            }
        }
        throw new InvalidDataException("entry is not a request: a number has no end");
    }
}
