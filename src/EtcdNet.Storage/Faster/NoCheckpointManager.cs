using FASTER.core;

namespace EtcdNet.Storage.Faster;

/// <summary>
/// FASTER's own checkpoint files are not used: a checkpoint is the flushed log up to an address and our manifest. Recovery
/// asks for FASTER's metadata, which is made from the manifest and lives only in memory.
/// </summary>
internal sealed class NoCheckpointManager : ICheckpointManager
{
    private Guid _token;
    private byte[]? _metadata;

    /// <summary>Prepares the recovery of a log [begin, tail) that is completely on the device.</summary>
    internal Guid Offer(long beginAddress, long tailAddress)
    {
        var info = default(HybridLogRecoveryInfo);
        info.Initialize(Guid.NewGuid(), 1);
        info.nextVersion = 2;
        info.flushedLogicalAddress = tailAddress;
        info.startLogicalAddress = tailAddress;
        info.finalLogicalAddress = tailAddress;
        info.headAddress = beginAddress;
        info.beginAddress = beginAddress;
        _token = info.guid;
        _metadata = info.ToByteArray();
        return _token;
    }

    public byte[]? GetLogCheckpointMetadata(Guid logToken, DeltaLog deltaLog, bool scanDelta = false, long recoverTo = -1) =>
        logToken == _token ? _metadata : null;

    public void OnRecovery(Guid indexToken, Guid logToken) => _metadata = null;

    public IEnumerable<Guid> GetLogCheckpointTokens() => [];

    public IEnumerable<Guid> GetIndexCheckpointTokens() => [];

    public byte[]? GetIndexCheckpointMetadata(Guid indexToken) => null;

    public void InitializeIndexCheckpoint(Guid indexToken) => throw NotUsed();

    public void InitializeLogCheckpoint(Guid logToken) => throw NotUsed();

    public void CommitIndexCheckpoint(Guid indexToken, byte[] commitMetadata) => throw NotUsed();

    public void CommitLogCheckpoint(Guid logToken, byte[] commitMetadata) => throw NotUsed();

    public void CommitLogIncrementalCheckpoint(Guid logToken, long version, byte[] commitMetadata, DeltaLog deltaLog) => throw NotUsed();

    public void CheckpointVersionShift(long oldVersion, long newVersion) => throw NotUsed();

    public IDevice GetIndexDevice(Guid indexToken) => throw NotUsed();

    public IDevice GetSnapshotLogDevice(Guid token) => throw NotUsed();

    public IDevice GetSnapshotObjectLogDevice(Guid token) => throw NotUsed();

    public IDevice? GetDeltaLogDevice(Guid token) => null;

    public void Purge(Guid token)
    {
    }

    public void PurgeAll()
    {
    }

    public void Dispose()
    {
    }

    private static InvalidOperationException NotUsed() => new("FASTER's own checkpoints are not used");
}
