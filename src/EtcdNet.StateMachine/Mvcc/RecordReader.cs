using EtcdNet.Protocol.Mvccpb;
using Google.Protobuf;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>Reads records and checks that they are those the index means. Any thread.</summary>
internal sealed class RecordReader(IBackend backend)
{
    // What is larger goes back to the pool at once.
    private const int LargestKeptBuffer = 64 << 10;

    [ThreadStatic]
    private static RecordBuffer? s_buffer;

    /// <summary>The pair of a version that is no tombstone.</summary>
    /// <exception cref="RecordMissingException">It is not there, as happens to readers that compaction overtook.</exception>
    /// <exception cref="BackendDamagedException">It is not what the index says.</exception>
    public KeyValue Read(KeyHistory item, in KeyVersion version, bool withValue = true)
    {
        var pair = new KeyValue
        {
            Key = UnsafeByteOperations.UnsafeWrap(item.Key),
            CreateRevision = version.Create,
            ModRevision = version.Main,
            Version = version.Version,
        };
        if (!withValue && !version.HasLease)
            return pair;
        RecordBuffer buffer = TakeBuffer();
        RecordFields fields = ReadFields(item, version, buffer);
        pair.Lease = fields.Lease;
        if (withValue)
            pair.Value = Copy(fields.Value);
        GiveBack(buffer);
        return pair;
    }

    /// <summary>A record by its revision alone; null when it is not there.</summary>
    public KeyValue? TryRead(Revision revision)
    {
        RecordBuffer buffer = TakeBuffer();
        KeyValue? pair = backend.TryRead(revision, buffer, out RecordInfo info) && !info.Tombstone
            ? KeyValue.Parser.ParseFrom(buffer.WrittenSpan)
            : null;
        GiveBack(buffer);
        return pair;
    }

    /// <summary>The stored bytes of a record, appended to a buffer.</summary>
    public void ReadBytes(Revision revision, bool tombstone, RecordBuffer buffer)
    {
        if (!backend.TryRead(revision, buffer, out RecordInfo info))
            throw new RecordMissingException(revision);
        if (info.Tombstone != tombstone)
            throw new BackendDamagedException(revision, "put and tombstone are confused");
    }

    /// <summary>Appends a stored record, which is a marshalled KeyValue, after the same checks as <see cref="Read"/>; the buffer must be empty.</summary>
    public void Verify(KeyHistory item, in KeyVersion version, RecordBuffer buffer) => ReadFields(item, version, buffer);

    private RecordFields ReadFields(KeyHistory item, in KeyVersion version, RecordBuffer buffer)
    {
        ReadBytes(version.Revision, tombstone: false, buffer);
        if (!RecordCodec.TryDecode(buffer.WrittenSpan, out RecordFields fields))
            throw new BackendDamagedException(version.Revision, "it is no KeyValue");
        bool matches = fields.ModRevision == version.Main && fields.CreateRevision == version.Create
            && fields.Version == version.Version && (fields.Lease != 0) == version.HasLease
            && fields.Key.SequenceEqual(item.Key);
        return matches ? fields : throw new BackendDamagedException(version.Revision, "it is not the record that the index means");
    }

    // Not cleared before it is overwritten: that counts with values of a megabyte.
    private static ByteString Copy(ReadOnlySpan<byte> value)
    {
        byte[] copy = GC.AllocateUninitializedArray<byte>(value.Length);
        value.CopyTo(copy);
        return UnsafeByteOperations.UnsafeWrap(copy);
    }

    private static RecordBuffer TakeBuffer()
    {
        RecordBuffer buffer = s_buffer ?? new RecordBuffer();
        s_buffer = null;
        buffer.Clear();
        return buffer;
    }

    private static void GiveBack(RecordBuffer buffer)
    {
        if (buffer.Capacity > LargestKeptBuffer)
            buffer.Dispose();
        s_buffer = buffer;
    }
}

/// <summary>A record that the index names is not in the backend.</summary>
internal sealed class RecordMissingException(Revision revision) : Exception($"record of revision {revision} is missing")
{
    public Revision Revision { get; } = revision;
}
