using System.Buffers;
using System.Collections.Concurrent;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.Storage.Records;

/// <summary>The backend without a disk, for tests and the simulator. Same checksums and sizes as <c>FasterBackend</c>.</summary>
public sealed class MemoryBackend : IBackend, IRecordSource
{
    private readonly ConcurrentDictionary<Revision, (byte[] Bytes, bool Tombstone, uint Crc)> _records = new();
    private long _size;
    private long _sizeInUse;

    /// <inheritdoc/>
    public long SizeInBytes => Interlocked.Read(ref _size);

    /// <inheritdoc/>
    public long SizeInUseInBytes => Interlocked.Read(ref _sizeInUse);

    /// <summary>Number of records that are not released.</summary>
    public int Count => _records.Count;

    /// <inheritdoc/>
    public uint Put(Revision revision, bool tombstone, ReadOnlySpan<byte> keyValue)
    {
        uint crc = CrcOf(revision, tombstone, keyValue);
        if (!_records.TryAdd(revision, (keyValue.ToArray(), tombstone, crc)))
            throw new InvalidOperationException($"revision {revision} was written before");
        Interlocked.Add(ref _size, RecordSize.Of(keyValue.Length));
        Interlocked.Add(ref _sizeInUse, RecordSize.Of(keyValue.Length));
        return crc;
    }

    /// <inheritdoc/>
    public bool TryRead(Revision revision, IBufferWriter<byte> destination, out RecordInfo info)
    {
        info = default;
        if (!_records.TryGetValue(revision, out (byte[] Bytes, bool Tombstone, uint Crc) record))
            return false;
        destination.Write(record.Bytes);
        info = new RecordInfo(record.Tombstone, record.Crc);
        return true;
    }

    /// <inheritdoc/>
    public uint Release(Revision revision)
    {
        if (!_records.TryRemove(revision, out (byte[] Bytes, bool Tombstone, uint Crc) record))
            throw new InvalidOperationException($"revision {revision} is not there to be released");
        Interlocked.Add(ref _size, -RecordSize.Of(record.Bytes.Length));
        Interlocked.Add(ref _sizeInUse, -RecordSize.Of(record.Bytes.Length));
        return record.Crc;
    }

    /// <inheritdoc/>
    public void Scan(RecordVisitor visitor)
    {
        foreach ((Revision revision, (byte[] bytes, bool tombstone, uint crc)) in _records)
            visitor(revision, new RecordInfo(tombstone, crc), bytes);
    }

    private static uint CrcOf(Revision revision, bool tombstone, ReadOnlySpan<byte> keyValue)
    {
        int parts = RecordCodec.PartCount(keyValue.Length);
        byte[] scratch = ArrayPool<byte>.Shared.Rent(RecordCodec.HeaderBytes + RecordCodec.PartBytesMax);
        uint crc = 0;
        for (int part = 0; part < parts; part++)
            crc = RecordCodec.Combine(crc, part, RecordCodec.Encode(scratch, revision, part, parts, tombstone, RecordCodec.Part(keyValue, part)));
        ArrayPool<byte>.Shared.Return(scratch);
        return crc;
    }
}
