using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Tests;

/// <summary>Records in memory. Released records go at once, or stay until <see cref="Purge"/> like those of a real backend.</summary>
internal sealed class InMemoryBackend(bool dropReleased = false) : IBackend, IRecordSource
{
    private readonly ConcurrentDictionary<Revision, (byte[] Bytes, RecordInfo Info)> _records = new();
    private readonly List<Revision> _released = [];

    public long SizeInBytes => _records.Values.Sum(static record => (long)record.Bytes.Length);

    public long SizeInUseInBytes => SizeInBytes;

    public int Count => _records.Count;

    /// <summary>Order in which <see cref="Scan"/> shows the records; every record twice when it is set.</summary>
    public Random? ScanOrder { get; set; }

    /// <summary>Called once, at the next read, before it is answered.</summary>
    public Action? AtNextRead { get; set; }

    public uint Put(Revision revision, bool tombstone, ReadOnlySpan<byte> keyValue)
    {
        var crc = new Crc32C();
        Span<byte> head = stackalloc byte[13];
        BinaryPrimitives.WriteInt64LittleEndian(head, revision.Main);
        BinaryPrimitives.WriteInt32LittleEndian(head[8..], revision.Sub);
        head[12] = tombstone ? (byte)1 : (byte)0;
        crc.Add(head);
        crc.Add(keyValue);
        Assert.True(_records.TryAdd(revision, (keyValue.ToArray(), new RecordInfo(tombstone, crc.Value))), $"{revision} written twice");
        return crc.Value;
    }

    public bool TryRead(Revision revision, IBufferWriter<byte> destination, out RecordInfo info)
    {
        Action? action = AtNextRead;
        AtNextRead = null;
        action?.Invoke();
        bool found = _records.TryGetValue(revision, out (byte[] Bytes, RecordInfo Info) record);
        info = record.Info;
        if (found)
            destination.Write(record.Bytes);
        return found;
    }

    public uint Release(Revision revision)
    {
        uint crc = _records[revision].Info.Crc;
        if (dropReleased)
            Assert.True(_records.TryRemove(revision, out _));
        else
            _released.Add(revision);
        return crc;
    }

    /// <summary>Takes the space of released records back.</summary>
    public void Purge()
    {
        foreach (Revision revision in _released)
            _records.TryRemove(revision, out _);
        _released.Clear();
    }

    /// <summary>Forgets what was written after a checkpoint, as a restart does before the log is replayed.</summary>
    public void DropAfter(long revision)
    {
        foreach (Revision later in _records.Keys.Where(key => key.Main > revision).ToList())
            _records.TryRemove(later, out _);
    }

    public void Remove(Revision revision) => Assert.True(_records.TryRemove(revision, out _));

    public void Change(Revision revision, Func<byte[], byte[]> change)
    {
        (byte[] bytes, RecordInfo info) = _records[revision];
        _records[revision] = (change(bytes), info with { Crc = info.Crc + 1 });
    }

    public void Scan(RecordVisitor visitor)
    {
        Revision[] order = [.. _records.Keys.Order()];
        if (ScanOrder is not null)
        {
            order = [.. order, .. order];
            ScanOrder.Shuffle(order);
        }
        foreach (Revision revision in order)
            visitor(revision, _records[revision].Info, _records[revision].Bytes);
    }
}
