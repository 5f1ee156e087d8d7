using System.Buffers.Binary;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.Storage.Bolt;

/// <summary>
/// The rows of the bucket <c>key</c>. A row's key is its revision, main (8 bytes, big-endian) <c>_</c> sub (8), with <c>t</c> behind it
/// for a tombstone; its value is the marshalled KeyValue as it is stored.
/// </summary>
internal static class KeyRows
{
    private const int NameBytes = 17;
    private const byte Separator = (byte)'_';
    private const byte TombstoneMark = (byte)'t';

    /// <summary>All rows, from the oldest; from the beginning in each enumeration, of which there may be one at a time.</summary>
    public static IEnumerable<BoltPair> Of(PinnedHistory history)
    {
        history.Rewind();
        byte[] name = new byte[NameBytes + 1];
        while (history.TryReadNext(out Revision revision, out bool isTombstone))
            yield return new BoltPair(name.AsMemory(0, Write(name, revision, isTombstone)), history.Record);
    }

    /// <summary>Key of a row.</summary>
    public static byte[] Name(Revision revision, bool isTombstone)
    {
        byte[] name = new byte[NameBytes + (isTombstone ? 1 : 0)];
        Write(name, revision, isTombstone);
        return name;
    }

    /// <summary>A number as etcd's keys have it.</summary>
    public static byte[] BigEndian(ulong number)
    {
        byte[] bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, number);
        return bytes;
    }

    private static int Write(Span<byte> name, Revision revision, bool isTombstone)
    {
        BinaryPrimitives.WriteInt64BigEndian(name, revision.Main);
        name[sizeof(long)] = Separator;
        BinaryPrimitives.WriteInt64BigEndian(name[(sizeof(long) + 1)..], revision.Sub);
        if (!isTombstone)
            return NameBytes;
        name[NameBytes] = TombstoneMark;
        return NameBytes + 1;
    }
}
