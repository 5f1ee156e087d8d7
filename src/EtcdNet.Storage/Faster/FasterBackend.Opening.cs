using System.Numerics;
using EtcdNet.Storage.Checkpoints;
using EtcdNet.Storage.Disk;
using FASTER.core;

namespace EtcdNet.Storage.Faster;

/// <content>Making a store and recovering one.</content>
public sealed partial class FasterBackend
{
    private const int CacheLineBytes = 64;
    // Seven records fit a cache line; so it is filled to three quarters at most, before more are written.
    private const int IndexBytesPerRecord = 12;

    /// <summary>Makes an empty store in an empty directory.</summary>
    public static FasterBackend Create(IDisk disk, string directory, FasterOptions? options = null)
    {
        options ??= new FasterOptions();
        options.Validate();
        if (disk.List(directory).Count > 0)
            throw new InvalidOperationException($"{directory} is not empty, a store can not be made there");
        var device = new StoreDevice(disk, directory, options.SegmentBits);
        FasterKV<RevisionKey, SpanByte> store = Build(options, device, options.IndexBytes, new NoCheckpointManager());
        device.StartAt(0);
        return new FasterBackend(directory, options, device, Task.FromResult(store), 0)
        {
            _verifier = new StoreVerifier(device, options.PageBits, 0),
        };
    }

    /// <summary>
    /// Brings back the store of a checkpoint. Every record is read and its checksum tested before FASTER sees the files,
    /// since FASTER believes whatever lengths and links it finds. FASTER's part then goes on in the background. The caller still
    /// has to read <see cref="RecoveredRecords"/> and compare count and sum with the checkpoint's
    /// <see cref="StateMachine.StateImage"/>; nothing may be written before that.
    /// </summary>
    /// <exception cref="StoreDamagedException">Try an older checkpoint.</exception>
    public static FasterBackend Recover(IDisk disk, Checkpoint checkpoint, FasterOptions? options = null)
    {
        options = (options ?? new FasterOptions()) with { PageBits = checkpoint.PageBits, SegmentBits = checkpoint.SegmentBits };
        options = options with { MemoryBits = Math.Max(options.MemoryBits, options.PageBits + 2) };
        options.Validate();
        if (!disk.DirectoryExists(checkpoint.StoreDirectory))
            throw new StoreDamagedException(checkpoint.StoreDirectory, 0, "the directory is missing");
        var device = new StoreDevice(disk, checkpoint.StoreDirectory, checkpoint.SegmentBits);
        try
        {
            var verifier = new StoreVerifier(device, checkpoint.PageBits, checkpoint.BeginAddress);
            CompareSums(device, checkpoint, verifier.Extend(checkpoint.BeginAddress, checkpoint.TailAddress, learn: true));
            // On another thread: the caller has to read the records as well, and needs nothing of FASTER's for that.
            Task<FasterKV<RevisionKey, SpanByte>> opening = Task.Run(() => Reopen(device, checkpoint, options));
            var backend = new FasterBackend(checkpoint.StoreDirectory, options, device, opening, checkpoint.LiveBytes) { _verifier = verifier };
            backend.RecoveredRecords = new StoreFileRecords(device, checkpoint.PageBits, checkpoint.BeginAddress, checkpoint.TailAddress, backend);
            return backend;
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    private static FasterKV<RevisionKey, SpanByte> Reopen(StoreDevice device, Checkpoint checkpoint, FasterOptions options)
    {
        long wanted = Math.Max(options.IndexBytes, IndexBytesPerRecord * checkpoint.Image.RecordCount);
        var manager = new NoCheckpointManager();
        FasterKV<RevisionKey, SpanByte> store = Build(options, device, (long)BitOperations.RoundUpToPowerOf2((ulong)wanted), manager);
        device.StartAt(checkpoint.TailAddress);
        if (checkpoint.TailAddress > store.Log.TailAddress)
            store.Recover(default, manager.Offer(checkpoint.BeginAddress, checkpoint.TailAddress));
        if (StoreDevice.TakeReadFailure() is { } failure)
            throw failure;
        if (store.Log.TailAddress != checkpoint.TailAddress || store.Log.BeginAddress != checkpoint.BeginAddress)
            throw device.Damaged(checkpoint.TailAddress, $"recovery of address {checkpoint.TailAddress} ended at {store.Log.TailAddress}");
        return store;
    }

    private static void CompareSums(StoreDevice device, Checkpoint checkpoint, uint[] found)
    {
        long firstPage = checkpoint.BeginAddress >> checkpoint.PageBits;
        for (int i = 0; i < Math.Max(found.Length, checkpoint.PageSums.Count); i++)
        {
            if (i >= found.Length || i >= checkpoint.PageSums.Count || found[i] != checkpoint.PageSums[i])
                throw device.Damaged((firstPage + i) << checkpoint.PageBits, $"the sum of the {1 << checkpoint.PageBits} bytes from there on is not that of the manifest");
        }
    }

    private static FasterKV<RevisionKey, SpanByte> Build(FasterOptions options, StoreDevice device, long indexBytes, NoCheckpointManager manager)
    {
        FasterKV<RevisionKey, SpanByte> store = New(options, device, indexBytes, manager);
        device.FinalUntil = () => store.Log.SafeReadOnlyAddress;
        return store;
    }

    private static FasterKV<RevisionKey, SpanByte> New(FasterOptions options, StoreDevice device, long indexBytes, NoCheckpointManager manager) => new(
        indexBytes / CacheLineBytes,
        new LogSettings
        {
            LogDevice = device,
            PageSizeBits = options.PageBits,
            MemorySizeBits = options.MemoryBits,
            SegmentSizeBits = options.SegmentBits,
            MutableFraction = 0.1,
        },
        new CheckpointSettings { CheckpointManager = manager },
        comparer: new RevisionKey.Comparer(),
        variableLengthStructSettings: new VariableLengthStructSettings<RevisionKey, SpanByte> { valueLength = new SpanByteVarLenStruct() },
        tryRecoverLatest: false,
        concurrencyControlMode: ConcurrencyControlMode.None);
}
