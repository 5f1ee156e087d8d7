using System.Buffers;
using System.Buffers.Binary;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Storage;

namespace EtcdNet.Server.Snapshots;

/// <summary>
/// The state of a member as a stream of bytes, for another EtcdNet member:
/// <code>
/// magic 8 · length of the head 4 · CRC-32C of the head 4
/// head: applied index, term, revision, compact revision, finished compact revision, record count, CRC sum (8 each), small state
/// records, any order: main revision 8 · sub revision 4 · tombstone 1 · length 4 · KeyValue bytes
/// end: 0 as main revision · number of records 8
/// </code>
/// Numbers are little-endian. The records need no checksum of their own: count and CRC sum in the head cover them.
/// </summary>
internal static class StateStream
{
    private const ulong Magic = 0x3153_6574_6174_5345; // arbitrary; the last digit is the version
    private const int HeadNumbers = 7;
    private const int RecordHeaderBytes = 17;
    private const int HeadBytesMax = 256 << 20;
    private const int RecordBytesMax = 64 << 20;

    /// <summary>Writes a state.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="image">Everything besides the records.</param>
    /// <param name="records">The records, each once; those newer than the image and dead ones may be among them.</param>
    public static void Write(Stream stream, StateImage image, IRecordSource records)
    {
        WriteHead(stream, image);
        byte[] header = new byte[RecordHeaderBytes];
        ulong count = 0;
        records.Scan((revision, info, bytes) =>
        {
            if (revision.Main > image.Revision)
                return;
            BinaryPrimitives.WriteInt64LittleEndian(header, revision.Main);
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), revision.Sub);
            header[12] = info.Tombstone ? (byte)1 : (byte)0;
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(13), bytes.Length);
            stream.Write(header);
            stream.Write(bytes);
            count++;
        });
        BinaryPrimitives.WriteInt64LittleEndian(header, 0);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(8), count);
        stream.Write(header, 0, 16);
        stream.Flush();
    }

    /// <summary>Reads a state and puts its records into an empty backend.</summary>
    /// <exception cref="InvalidDataException">It is no state, or it is damaged.</exception>
    /// <exception cref="EndOfStreamException">It ends too early.</exception>
    public static StateImage Read(Stream stream, IBackend backend)
    {
        StateImage image = ReadHead(stream);
        byte[] header = new byte[RecordHeaderBytes];
        byte[] bytes = ArrayPool<byte>.Shared.Rent(4096);
        ulong count = 0;
        try
        {
            while (true)
            {
                stream.ReadExactly(header, 0, 16);
                long main = BinaryPrimitives.ReadInt64LittleEndian(header);
                if (main == 0)
                    break;
                stream.ReadExactly(header, 16, 1);
                int length = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(13));
                if (length is < 0 or > RecordBytesMax || header[12] > 1 || main < 0 || main > image.Revision)
                    throw new InvalidDataException($"the state is damaged: record of revision {main} with {length} bytes");
                if (length > bytes.Length)
                {
                    ArrayPool<byte>.Shared.Return(bytes);
                    bytes = ArrayPool<byte>.Shared.Rent(length);
                }
                stream.ReadExactly(bytes, 0, length);
                var revision = new Revision(main, BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8)));
                backend.Put(revision, header[12] == 1, bytes.AsSpan(0, length));
                count++;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
        if (BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(8)) != count)
            throw new InvalidDataException("the state is damaged: the number of records is not what was written");
        return image;
    }

    private static void WriteHead(Stream stream, StateImage image)
    {
        byte[] head = new byte[8 * HeadNumbers + image.SmallState.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(head, image.AppliedIndex);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(8), image.AppliedTerm);
        BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(16), image.Revision);
        BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(24), image.CompactRevision);
        BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(32), image.FinishedCompactRevision);
        BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(40), image.RecordCount);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(48), image.RecordCrcSum);
        image.SmallState.Span.CopyTo(head.AsSpan(8 * HeadNumbers));
        byte[] opening = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(opening, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(opening.AsSpan(8), head.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(opening.AsSpan(12), Crc32C.Compute(head));
        stream.Write(opening);
        stream.Write(head);
    }

    private static StateImage ReadHead(Stream stream)
    {
        byte[] opening = new byte[16];
        stream.ReadExactly(opening);
        int length = BinaryPrimitives.ReadInt32LittleEndian(opening.AsSpan(8));
        if (BinaryPrimitives.ReadUInt64LittleEndian(opening) != Magic || length is < 8 * HeadNumbers or > HeadBytesMax)
            throw new InvalidDataException("the stream holds no state of a member in a form that this version knows");
        byte[] head = new byte[length];
        stream.ReadExactly(head);
        if (Crc32C.Compute(head) != BinaryPrimitives.ReadUInt32LittleEndian(opening.AsSpan(12)))
            throw new InvalidDataException("the state is damaged: the checksum of its head does not match");
        return new StateImage(
            BinaryPrimitives.ReadUInt64LittleEndian(head), BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(8)),
            BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(16)), BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(24)),
            BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(32)), BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(40)),
            BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(48)), head.AsMemory(8 * HeadNumbers));
    }
}
