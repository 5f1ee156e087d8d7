using System.Numerics;

namespace EtcdNet.Raft;

/// <summary>Sizes of entries in bytes. Limits on messages count encoded bytes, limits on payload count <see cref="Entry.Data"/>.</summary>
internal static class EntrySize
{
    /// <summary>Bytes of the entry as a protobuf message, as etcd counts them, so that entries without data have a size too.</summary>
    public static ulong Encoded(in Entry entry)
    {
        var size = 4 + Varint(entry.Term) + Varint(entry.Index);
        var length = (uint)entry.Data.Length;
        return length == 0 ? size : size + 1 + Varint(length) + length;
    }

    public static ulong Encoded(ReadOnlySpan<Entry> entries)
    {
        ulong size = 0;
        foreach (ref readonly var entry in entries)
            size += Encoded(entry);
        return size;
    }

    public static ulong Payload(ReadOnlySpan<Entry> entries)
    {
        ulong size = 0;
        foreach (ref readonly var entry in entries)
            size += (uint)entry.Data.Length;
        return size;
    }

    /// <summary>The longest prefix within <paramref name="maxBytes"/> encoded bytes, at least one entry.</summary>
    public static EntrySlice Limit(EntrySlice entries, ulong maxBytes)
    {
        if (entries.Count <= 1)
            return entries;
        var span = entries.Span;
        var size = Encoded(span[0]);
        for (var i = 1; i < span.Length; i++)
        {
            size += Encoded(span[i]);
            if (size > maxBytes)
                return entries.Take(i);
        }

        return entries;
    }

    private static ulong Varint(ulong value) => (ulong)((BitOperations.Log2(value | 1) / 7) + 1);
}
