using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Records;
using FASTER.core;
using RecordInfo = EtcdNet.StateMachine.RecordInfo;

namespace EtcdNet.Storage.Faster;

/// <summary>
/// The revision store on FASTER: a log of records with a hash index in memory. It is never the source of truth: a
/// checkpoint (manifest + log up to an address) and the write-ahead log make it again, and both are verified at a start.
/// One writer thread (the applier); readers on any thread never wait for it.
/// </summary>
public sealed partial class FasterBackend : IBackend, IRecordSource, IDisposable
{
    private readonly Task<FasterKV<RevisionKey, SpanByte>> _opening;
    private readonly StoreDevice _device;
    private FasterKV<RevisionKey, SpanByte>? _opened;
    private StoreReader? _ownReader;
    private readonly ConcurrentBag<StoreReader> _readers = [];
    private readonly byte[] _scratch = GC.AllocateUninitializedArray<byte>(RecordCodec.HeaderBytes + RecordCodec.PartBytesMax, pinned: true);
    private long _sizeInUse;

    private FasterBackend(
        string directory, FasterOptions options, StoreDevice device, Task<FasterKV<RevisionKey, SpanByte>> opening, long sizeInUse)
    {
        (Directory, Options, _device, _opening, _sizeInUse) = (directory, options, device, opening, sizeInUse);
        RecoveredRecords = this;
    }

    /// <summary>Where the files are: one generation of the store.</summary>
    public string Directory { get; }

    /// <summary>Settings in force.</summary>
    public FasterOptions Options { get; }

    /// <inheritdoc/>
    public long SizeInBytes => Store.Log.TailAddress - Store.Log.BeginAddress;

    /// <inheritdoc/>
    public long SizeInUseInBytes => Interlocked.Read(ref _sizeInUse);

    /// <summary>
    /// Told once when a write of the files failed. On any thread: FASTER writes where it happens to be, and the writer may
    /// wait for that page for ever.
    /// </summary>
    public Action<DiskFailedException>? WriteFailed
    {
        get => _device.Failed;
        set => _device.Failed = value;
    }

    /// <summary>Bytes of the files on the disk, older checkpoints' included.</summary>
    public long FileBytes => _device.FileBytes;

    /// <summary>What a recovery found, to be read once before anything is written; of a new store nothing.</summary>
    public IRecordSource RecoveredRecords { get; private set; }

    internal StoreDevice Device => _device;

    internal long BeginAddress => Store.Log.BeginAddress;

    internal long TailAddress => Store.Log.TailAddress;

    // Recovery makes the hash index in the background; the first use waits for it.
    private FasterKV<RevisionKey, SpanByte> Store => _opened ??= _opening.GetAwaiter().GetResult();

    private StoreReader Writer => _ownReader ??= NewReader();

    /// <inheritdoc/>
    public uint Put(Revision revision, bool tombstone, ReadOnlySpan<byte> keyValue)
    {
        _device.ThrowIfFailed();
        int parts = RecordCodec.PartCount(keyValue.Length);
        uint crc = 0;
        for (int part = 0; part < parts; part++)
        {
            ReadOnlySpan<byte> bytes = RecordCodec.Part(keyValue, part);
            crc = RecordCodec.Combine(crc, part, AppendPart(revision, part, parts, tombstone, bytes));
        }

        Interlocked.Add(ref _sizeInUse, RecordSize.Of(keyValue.Length));
        return crc;
    }

    /// <inheritdoc/>
    public bool TryRead(Revision revision, IBufferWriter<byte> destination, out RecordInfo info)
    {
        if (!_readers.TryTake(out StoreReader? reader))
            reader = NewReader();
        try
        {
            bool found = TryReadParts(reader, revision, destination, out info, out int missing);
            return found || missing == 0 ? found : throw new BackendDamagedException(revision, $"part {missing} is missing");
        }
        finally
        {
            _readers.Add(reader);
        }
    }

    /// <inheritdoc/>
    public uint Release(Revision revision)
    {
        uint crc = 0;
        long size = 0;
        int parts = 1;
        for (int part = 0; part < parts; part++)
        {
            if (!ReadPart(Writer, revision, part))
                throw new BackendDamagedException(revision, part == 0 ? "it is missing and was to be released" : $"part {part} is missing");
            if (part == 0)
                parts = RecordCodec.Parts(Writer.Sink.Bytes);
            crc = RecordCodec.Combine(crc, part, RecordCodec.Crc(Writer.Sink.Bytes));
            size += RecordSize.OfPart(Writer.Sink.Bytes.Length - RecordCodec.HeaderBytes);
        }

        Interlocked.Add(ref _sizeInUse, -size);
        return crc;
    }

    /// <inheritdoc/>
    public void Scan(RecordVisitor visitor)
    {
        using StoreReader reader = NewReader();
        var assembled = new ArrayBufferWriter<byte>();
        using IFasterScanIterator<RevisionKey, SpanByte> iterator = Store.Log.Scan(Store.Log.BeginAddress, Store.Log.TailAddress);
        while (MoveNext(iterator))
        {
            RevisionKey key = iterator.GetKey();
            if (key.Part != 0)
                continue; // comes with its first part
            ReadOnlySpan<byte> stored = iterator.GetValue().AsReadOnlySpan();
            ThrowIfInvalid(stored, key.Revision, 0);
            if (RecordCodec.Parts(stored) == 1)
            {
                visitor(key.Revision, new RecordInfo(RecordCodec.Tombstone(stored), RecordCodec.Crc(stored)), stored[RecordCodec.HeaderBytes..]);
                continue;
            }

            // One of which parts are missing died while collection was between them; if it should be alive, the count tells.
            assembled.ResetWrittenCount();
            if (TryReadParts(reader, key.Revision, assembled, out RecordInfo info, out _))
                visitor(key.Revision, info, assembled.WrittenSpan);
        }
    }

    /// <summary>Closes the files. What is not in a checkpoint is dropped; the write-ahead log has it.</summary>
    public void Dispose()
    {
        _ownReader?.Dispose();
        while (_readers.TryTake(out StoreReader? reader))
            reader.Dispose();
        // A recovery that failed has told whoever waited for it.
        Task.WaitAny(_opening);
        if (_opening.IsCompletedSuccessfully)
            Store.Dispose();
        _device.Dispose();
    }

    // A page that cannot be read looks empty to FASTER.
    private static bool MoveNext(IFasterScanIterator<RevisionKey, SpanByte> iterator)
    {
        bool moved = iterator.GetNext(out _);
        return StoreDevice.TakeReadFailure() is { } failure ? throw failure : moved;
    }

    private static void ThrowIfInvalid(ReadOnlySpan<byte> stored, Revision revision, int part)
    {
        if (!RecordCodec.IsValid(stored, revision, part))
            throw Mismatch(revision);
    }

    private static BackendDamagedException Mismatch(Revision revision) => new(revision, "its checksum does not match");

    private StoreReader NewReader()
    {
        var functions = new StoreFunctions();
        return new StoreReader(Store.For(functions).NewSession<StoreFunctions>(), functions);
    }

    // Its bytes go into the log from where they are.
    private unsafe uint AppendPart(Revision revision, int part, int parts, bool tombstone, ReadOnlySpan<byte> bytes)
    {
        Span<byte> header = stackalloc byte[RecordCodec.HeaderBytes];
        uint crc = RecordCodec.EncodeHeader(header, revision, part, parts, tombstone, bytes);
        Writer.Functions.HeaderOfPart = BinaryPrimitives.ReadUInt64LittleEndian(header);
        try
        {
            fixed (byte* pointer = bytes)
                Append(new RevisionKey(revision, part), pointer - RecordCodec.HeaderBytes, RecordCodec.HeaderBytes + bytes.Length);
        }
        finally
        {
            Writer.Functions.HeaderOfPart = 0;
        }

        return crc;
    }

    private unsafe void Append(RevisionKey key, ReadOnlySpan<byte> stored)
    {
        fixed (byte* pointer = stored)
            Append(key, pointer, stored.Length);
    }

    private unsafe void Append(RevisionKey key, byte* pointer, int bytes)
    {
        SpanByte value = SpanByte.FromPointer(pointer, bytes);
        Status status = Writer.Session.Upsert(ref key, ref value);
        if (status.IsPending)
            Writer.Session.CompletePending(wait: true);
    }

    /// <summary>Reads a record of several parts. False when it is not there, or not all of it.</summary>
    internal bool TryReadWhole(Revision revision, IBufferWriter<byte> destination, out RecordInfo info) =>
        TryReadParts(Writer, revision, destination, out info, out _);

    /// <summary>Waits until a recovery is over.</summary>
    /// <exception cref="StoreDamagedException">It failed.</exception>
    internal void WaitUntilRecovered() => _ = Store;

    // When false, missing names the first part that is not there: 0 when there is no such record.
    private bool TryReadParts(StoreReader reader, Revision revision, IBufferWriter<byte> destination, out RecordInfo info, out int missing)
    {
        info = default;
        missing = 0;
        if (!ReadPart(reader, revision, 0, destination))
            return false;
        ReadOnlySpan<byte> stored = reader.Sink.Bytes;
        uint crc = RecordCodec.Crc(stored);
        bool tombstone = RecordCodec.Tombstone(stored);
        int parts = RecordCodec.Parts(stored);
        for (int part = 1; part < parts; part++)
        {
            if (!ReadPart(reader, revision, part, destination))
            {
                missing = part;
                return false;
            }

            stored = reader.Sink.Bytes;
            crc = RecordCodec.Combine(crc, part, RecordCodec.Crc(stored));
        }

        info = new RecordInfo(tombstone, crc);
        return true;
    }

    // Collection may move a record while a reader is on its way to the old place: then the begin has moved as well.
    private bool ReadPart(StoreReader reader, Revision revision, int part, IBufferWriter<byte>? destination = null)
    {
        long begin;
        reader.Sink.Target = destination;
        try
        {
            do
            {
                begin = Store.Log.BeginAddress;
                StoreDevice.TakeReadFailure();
                bool found = reader.Read(new RevisionKey(revision, part));
                StoreDamagedException? failure = StoreDevice.TakeReadFailure();
                // What was read for nothing may fail: a guess at the length reaches into the records behind.
                if (found && reader.Sink.IsValid)
                    return true;
                if (failure is not null && begin == Store.Log.BeginAddress)
                    throw new BackendDamagedException(revision, failure.Message);
                if (found && failure is null)
                    throw Mismatch(revision);
            }
            while (begin != Store.Log.BeginAddress);
            return false;
        }
        finally
        {
            reader.Sink.Target = null;
        }
    }
}
