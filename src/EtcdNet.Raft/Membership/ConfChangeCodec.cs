namespace EtcdNet.Raft;

/// <summary>
/// protobuf bytes of <see cref="ConfChange"/> and <see cref="ConfChangeV2"/>, as entries hold them. Written by hand since this
/// project has no package. Encodes byte for byte as etcd up to 3.6 does (scalars always written, empty context left out), so that
/// members of both kinds hold the same log.
/// </summary>
public static class ConfChangeCodec
{
    /// <summary>Bytes of a V1 change, for an entry of type <see cref="EntryType.ConfChange"/>.</summary>
    public static byte[] Encode(ConfChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        var writer = new ProtoWriter();
        writer.Varint(1, change.Id);
        writer.Varint(2, (ulong)change.Type);
        writer.Varint(3, change.NodeId);
        if (!change.Context.IsEmpty)
            writer.Bytes(4, change.Context.Span);
        return writer.ToArray();
    }

    /// <summary>Bytes of a V2 change, for an entry of type <see cref="EntryType.ConfChangeV2"/>.</summary>
    public static byte[] Encode(ConfChangeV2 change)
    {
        ArgumentNullException.ThrowIfNull(change);
        var writer = new ProtoWriter();
        writer.Varint(1, (ulong)change.Transition);
        foreach (var single in change.Changes)
        {
            var inner = new ProtoWriter();
            inner.Varint(1, (ulong)single.Type);
            inner.Varint(2, single.NodeId);
            writer.Bytes(2, inner.ToArray());
        }

        if (!change.Context.IsEmpty)
            writer.Bytes(3, change.Context.Span);
        return writer.ToArray();
    }

    /// <summary>Reads a V1 change; absent fields are zero, unknown ones skipped.</summary>
    /// <exception cref="FormatException">The bytes are not a protobuf message.</exception>
    public static ConfChange Decode(ReadOnlyMemory<byte> data)
    {
        var reader = new ProtoReader(data.Span);
        var change = new ConfChange();
        while (reader.Next(out var field))
        {
            change = field switch
            {
                1 => change with { Id = reader.Varint() },
                2 => change with { Type = (ConfChangeType)reader.Varint() },
                3 => change with { NodeId = reader.Varint() },
                4 => change with { Context = reader.Bytes().ToArray() },
                _ => reader.Skip(change),
            };
        }

        return change;
    }

    /// <summary>Reads a V2 change; no bytes at all are the empty change, which leaves a joint configuration.</summary>
    /// <exception cref="FormatException">The bytes are not a protobuf message.</exception>
    public static ConfChangeV2 DecodeV2(ReadOnlyMemory<byte> data)
    {
        var reader = new ProtoReader(data.Span);
        var change = new ConfChangeV2();
        var singles = new List<ConfChangeSingle>();
        while (reader.Next(out var field))
        {
            switch (field)
            {
                case 1:
                    change = change with { Transition = (ConfChangeTransition)reader.Varint() };
                    break;
                case 2:
                    singles.Add(DecodeSingle(reader.Bytes()));
                    break;
                case 3:
                    change = change with { Context = reader.Bytes().ToArray() };
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return change with { Changes = singles };
    }

    /// <summary>The change that an entry holds, as V2, or null when it holds none.</summary>
    /// <exception cref="FormatException">The bytes are not a protobuf message.</exception>
    public static ConfChangeV2? DecodeEntry(in Entry entry) => entry.Type switch
    {
        EntryType.ConfChange => Decode(entry.Data).AsV2(),
        EntryType.ConfChangeV2 => DecodeV2(entry.Data),
        _ => null,
    };

    private static ConfChangeSingle DecodeSingle(ReadOnlySpan<byte> data)
    {
        var reader = new ProtoReader(data);
        var single = new ConfChangeSingle();
        while (reader.Next(out var field))
        {
            single = field switch
            {
                1 => single with { Type = (ConfChangeType)reader.Varint() },
                2 => single with { NodeId = reader.Varint() },
                _ => reader.Skip(single),
            };
        }

        return single;
    }
}
