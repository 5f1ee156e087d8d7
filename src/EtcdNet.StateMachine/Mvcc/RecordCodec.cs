using EtcdNet.Protocol.Mvccpb;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>The fields of a stored record; the spans point into the record.</summary>
internal ref struct RecordFields
{
    public ReadOnlySpan<byte> Key;
    public ReadOnlySpan<byte> Value;
    public long CreateRevision;
    public long ModRevision;
    public long Version;
    public long Lease;
}

/// <summary>
/// Reads a marshalled mvccpb.KeyValue without making a message of it: the key is in the index already, and the value is
/// copied once instead of twice.
/// </summary>
internal static class RecordCodec
{
    /// <returns>False when the bytes are no KeyValue.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> record, out RecordFields fields)
    {
        fields = default;
        while (!record.IsEmpty)
        {
            if (!TryVarint(ref record, out ulong tag))
                return false;
            bool isBytes = (tag & 7) == 2;
            if ((!isBytes && (tag & 7) != 0) || !TryVarint(ref record, out ulong number))
                return false;
            if (!isBytes)
            {
                SetNumber(ref fields, tag >> 3, (long)number);
                continue;
            }
            if (number > (ulong)record.Length)
                return false;
            SetBytes(ref fields, tag >> 3, record[..(int)number]);
            record = record[(int)number..];
        }
        return true;
    }

    private static void SetNumber(ref RecordFields fields, ulong field, long number)
    {
        switch (field)
        {
            case KeyValue.CreateRevisionFieldNumber: fields.CreateRevision = number; break;
            case KeyValue.ModRevisionFieldNumber: fields.ModRevision = number; break;
            case KeyValue.VersionFieldNumber: fields.Version = number; break;
            case KeyValue.LeaseFieldNumber: fields.Lease = number; break;
        }
    }

    private static void SetBytes(ref RecordFields fields, ulong field, ReadOnlySpan<byte> bytes)
    {
        if (field == KeyValue.KeyFieldNumber)
            fields.Key = bytes;
        else if (field == KeyValue.ValueFieldNumber)
            fields.Value = bytes;
    }

    private static bool TryVarint(ref ReadOnlySpan<byte> source, out ulong value)
    {
        value = 0;
        for (int i = 0; i < source.Length && i < 10; i++)
        {
            value |= (ulong)(source[i] & 0x7F) << (7 * i);
            if (source[i] < 0x80)
            {
                source = source[(i + 1)..];
                return true;
            }
        }
        return false;
    }
}
