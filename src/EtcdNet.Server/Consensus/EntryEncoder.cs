using System.Runtime.InteropServices;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Server.Consensus;

/// <summary>Makes the bytes of an entry: the marshalled request. A large value of a put that came with room around it is not copied.</summary>
internal static class EntryEncoder
{
    private const byte PutTag = (InternalRaftRequest.PutFieldNumber << 3) | 2;
    private const byte KeyTag = (PutRequest.KeyFieldNumber << 3) | 2;
    private const byte ValueTag = (PutRequest.ValueFieldNumber << 3) | 2;

    /// <summary>Most bytes before the value beyond those of the key: three tags and three lengths.</summary>
    public const int RoomBefore = 3 * (1 + 5);

    /// <summary>Usual bytes behind the value: the put's other fields and the header with the name of a user.</summary>
    public const int RoomBehind = 192;

    /// <param name="request">What is proposed, with its header.</param>
    /// <param name="size">Its size, marshalled.</param>
    public static ReadOnlyMemory<byte> Encode(InternalRaftRequest request, int size)
    {
        if (request.Put is { } put
            && MemoryMarshal.TryGetMemoryManager(put.Value.Memory, out ValueWithRoom? value, out int start, out int length)
            && start == 0 && length == value.Memory.Length
            && TryEnclose(request, put, value, size, out ReadOnlyMemory<byte> entry))
        {
            return entry;
        }
        byte[] data = GC.AllocateUninitializedArray<byte>(size);
        request.WriteTo(data.AsSpan());
        return data;
    }

    private static bool TryEnclose(InternalRaftRequest request, PutRequest put, ValueWithRoom value, int size, out ReadOnlyMemory<byte> entry)
    {
        entry = default;
        byte[] putRest = new PutRequest { Lease = put.Lease, PrevKv = put.PrevKv, IgnoreValue = put.IgnoreValue, IgnoreLease = put.IgnoreLease }.ToByteArray();
        byte[] requestRest = new InternalRaftRequest { Header = request.Header }.ToByteArray();
        byte[] before = Before(put, putRest.Length);
        // Anything else in the request, a field of a later version for instance, takes the usual way.
        return before.Length + put.Value.Length + putRest.Length + requestRest.Length == size
            && value.TryEnclose(before, [.. putRest, .. requestRest], out entry);
    }

    private static byte[] Before(PutRequest put, int restBytes)
    {
        int key = put.Key.Length, value = put.Value.Length;
        int putBytes = 1 + CodedOutputStream.ComputeLengthSize(key) + key + 1 + CodedOutputStream.ComputeLengthSize(value) + value + restBytes;
        byte[] bytes = new byte[RoomBefore + key];
        using var output = new CodedOutputStream(bytes);
        output.WriteRawTag(PutTag);
        output.WriteLength(putBytes);
        output.WriteRawTag(KeyTag);
        output.WriteBytes(put.Key);
        output.WriteRawTag(ValueTag);
        output.WriteLength(value);
        return bytes[..(int)output.Position];
    }
}
