using EtcdNet.Raft;
using EtcdNet.StateMachine;

namespace EtcdNet.Server.Snapshots;

/// <summary>A state machine's image with the records that belong to it.</summary>
internal sealed class CapturedState(SnapshotMetadata metadata, StateImage image, IRecordSource records, Action unpin) : IOutgoingSnapshot
{
    private int _disposed;

    /// <inheritdoc/>
    public SnapshotMetadata Metadata { get; } = metadata;

    /// <inheritdoc/>
    public void WriteTo(Stream stream) => StateStream.Write(stream, image, records);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            unpin();
    }
}
