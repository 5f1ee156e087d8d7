using EtcdNet.Raft;
using EtcdNet.StateMachine;

namespace EtcdNet.Server.Snapshots;

/// <summary>The replicated state of this member on its way out to others, and that of others on its way in.</summary>
internal interface IStateStore
{
    /// <summary>
    /// Pins the state as it is between two entries, so that it can be read while the member goes on. Applier's thread,
    /// outside of a batch. Null while it cannot be done; asked again later.
    /// </summary>
    /// <param name="configuration">Who votes at this moment.</param>
    IOutgoingSnapshot? Capture(ConfState configuration);

    /// <summary>Reads and proves a state beside the one in force. Not the applier's thread.</summary>
    /// <exception cref="InvalidDataException">It is not what its image or <paramref name="expected"/> says.</exception>
    IReceivedState Receive(SnapshotMetadata expected, Stream stream);
}

/// <summary>A pinned state of this member. To be disposed soon: nothing can be compacted meanwhile.</summary>
public interface IOutgoingSnapshot : IDisposable
{
    /// <summary>Where it stands in the log.</summary>
    SnapshotMetadata Metadata { get; }

    /// <summary>Writes it in the form that <see cref="Consensus.PeerInbox.ReceiveSnapshot"/> reads. Any one thread; blocks on the stream.</summary>
    void WriteTo(Stream stream);
}

/// <summary>A state that was received and proven. It goes through <see cref="MakeDurable"/> and <see cref="Install"/>, or <see cref="Abandon"/>.</summary>
internal interface IReceivedState
{
    /// <summary>Where it stands in the log.</summary>
    EntryId Id { get; }

    /// <summary>Who votes at that point.</summary>
    ConfState Configuration { get; }

    /// <summary>
    /// Puts it on the disk as a checkpoint that counts from the moment that the log says so. Log writer's thread; blocks.
    /// </summary>
    void MakeDurable();

    /// <summary>The state machine goes on from it. Applier's thread, between two batches.</summary>
    void Install();

    /// <summary>Raft did not want it.</summary>
    void Abandon();
}
