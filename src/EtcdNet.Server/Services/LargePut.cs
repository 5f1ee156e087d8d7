using System.Buffers;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using Google.Protobuf;

namespace EtcdNet.Server.Services;

/// <summary>
/// Reads a put whose value is large: the value is copied once, to where its log entry will stand. Anything unusual is left to the
/// generated parser, which knows the texts of all errors. So is a field that comes twice: each would cost room of its own, and a message of
/// two megabytes holds half a million empty ones.
/// </summary>
public static class LargePut
{
    // Below, two arrays more cost less than a second parser that is cold.
    private const int BytesMin = 32 << 10;

    // Largest tag of a field number below 16.
    private const ulong FieldsMax = 127;

    /// <summary>The request; null when the generated parser is to read it.</summary>
    /// <param name="message">A marshalled PutRequest.</param>
    public static PutRequest? TryRead(in ReadOnlySequence<byte> message)
    {
        if (message.Length < BytesMin)
            return null;
        var reader = new SequenceReader<byte>(message);
        var request = new PutRequest();
        int seen = 0;
        while (!reader.End)
        {
            if (!TryReadField(ref reader, request, ref seen))
                return null;
        }
        return request;
    }

    private static bool TryReadField(ref SequenceReader<byte> reader, PutRequest request, ref int seen)
    {
        if (!TryVarint(ref reader, out ulong tag) || !TryVarint(ref reader, out ulong number) || tag > FieldsMax)
            return false;
        int field = 1 << (int)(tag >> 3);
        if ((seen & field) != 0)
            return false;
        seen |= field;
        switch (tag)
        {
            case (PutRequest.KeyFieldNumber << 3) | 2 when TryTake(ref reader, number, out ReadOnlySequence<byte> key):
                // Small, and kept by the index for longer than the value.
                request.Key = UnsafeByteOperations.UnsafeWrap(key.ToArray());
                return true;
            case (PutRequest.ValueFieldNumber << 3) | 2 when number < BytesMin && TryTake(ref reader, number, out ReadOnlySequence<byte> value):
                request.Value = UnsafeByteOperations.UnsafeWrap(value.ToArray());
                return true;
            case (PutRequest.ValueFieldNumber << 3) | 2 when TryTake(ref reader, number, out ReadOnlySequence<byte> large):
                int before = EntryEncoder.RoomBefore + request.Key.Length;
                request.Value = UnsafeByteOperations.UnsafeWrap(new ValueWithRoom(before, large, EntryEncoder.RoomBehind).Memory);
                return true;
            case PutRequest.LeaseFieldNumber << 3:
                request.Lease = (long)number;
                return true;
            case PutRequest.PrevKvFieldNumber << 3:
                request.PrevKv = number != 0;
                return true;
            case PutRequest.IgnoreValueFieldNumber << 3:
                request.IgnoreValue = number != 0;
                return true;
            case PutRequest.IgnoreLeaseFieldNumber << 3:
                request.IgnoreLease = number != 0;
                return true;
            default:
                return false;
        }
    }

    private static bool TryTake(ref SequenceReader<byte> reader, ulong length, out ReadOnlySequence<byte> bytes)
    {
        bytes = default;
        return length <= int.MaxValue && reader.TryReadExact((int)length, out bytes);
    }

    private static bool TryVarint(ref SequenceReader<byte> reader, out ulong value)
    {
        value = 0;
        for (int shift = 0; shift < 64 && reader.TryRead(out byte next); shift += 7)
        {
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
                return true;
        }
        return false;
    }
}
