using Google.Protobuf;
using EtcdNet.Protocol.Mvccpb;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>What the backend asks before it takes space back.</summary>
public sealed partial class MvccStore
{
    /// <summary>
    /// True while the index refers to a record: it must be kept. The key is found in the record's own bytes. Applier's
    /// thread, outside of a batch and of a compactor's pass: within one, the index has let go of records that a
    /// checkpoint still counts.
    /// </summary>
    public bool IsReferenced(Revision revision, ReadOnlySpan<byte> keyValue)
    {
        Invariant.Check(!IsPruning);
        return Contains(KeyOf(keyValue), revision);
    }

    /// <summary>The key stands first in every record (<see cref="RecordCodec"/> writes it so).</summary>
    private static ReadOnlySpan<byte> KeyOf(ReadOnlySpan<byte> keyValue)
    {
        Invariant.Check(keyValue.Length > 1 && keyValue[0] == WireFormat.MakeTag(KeyValue.KeyFieldNumber, WireFormat.WireType.LengthDelimited));
        int length = 0;
        int at = 1;
        for (int shift = 0; ; shift += 7)
        {
            byte part = keyValue[at++];
            length |= (part & 0x7f) << shift;
            if (part < 0x80)
                return keyValue.Slice(at, length);
        }
    }
}
