using System.Buffers;
using EtcdNet.StateMachine;
using EtcdNet.Storage.Records;
using RecordInfo = EtcdNet.StateMachine.RecordInfo;

namespace EtcdNet.Storage.Faster;

/// <summary>
/// The records of a checkpoint straight from the files, without FASTER: several times cheaper than its scan, and while FASTER
/// makes its hash index on another processor. Each record is tested again on the way.
/// </summary>
internal sealed class StoreFileRecords(StoreDevice device, int pageBits, long begin, long tail, FasterBackend backend) : IRecordSource
{
    /// <inheritdoc/>
    public void Scan(RecordVisitor visitor)
    {
        byte[] page = ArrayPool<byte>.Shared.Rent(1 << pageBits);
        try
        {
            var assembled = new ArrayBufferWriter<byte>();
            long end;
            for (long from = begin; from < tail; from = end)
            {
                end = Math.Min(tail, ((from >> pageBits) + 1) << pageBits);
                Span<byte> bytes = page.AsSpan(0, (int)(end - from));
                if (device.ReadAt(from, bytes) < bytes.Length)
                    throw device.Damaged(from, "the file is missing or ends too early");
                var records = new RawRecords(device, bytes, from);
                while (records.MoveNext())
                    Visit(records, assembled, visitor);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(page);
        }
    }

    private void Visit(in RawRecords record, ArrayBufferWriter<byte> assembled, RecordVisitor visitor)
    {
        if (record.Key.Part != 0)
            return; // comes with its first part
        ReadOnlySpan<byte> stored = record.Stored;
        if (RecordCodec.Parts(stored) == 1)
        {
            visitor(record.Key.Revision, new RecordInfo(RecordCodec.Tombstone(stored), RecordCodec.Crc(stored)), stored[RecordCodec.HeaderBytes..]);
            return;
        }

        // One of which parts are missing died while collection was between them; if it should be alive, the count tells.
        assembled.ResetWrittenCount();
        if (backend.TryReadWhole(record.Key.Revision, assembled, out RecordInfo info))
            visitor(record.Key.Revision, info, assembled.WrittenSpan);
    }
}
