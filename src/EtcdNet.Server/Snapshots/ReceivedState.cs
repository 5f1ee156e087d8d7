using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine;
using EtcdNet.Storage;

namespace EtcdNet.Server.Snapshots;

/// <summary>A leader's state in a store of its own beside the running one.</summary>
internal sealed class ReceivedState(MemberStorage storage, IncomingStore incoming, StateImage image, StateMachine.StateMachine machine) : IReceivedState
{
    /// <inheritdoc/>
    public EntryId Id { get; } = new(image.AppliedTerm, image.AppliedIndex);

    /// <inheritdoc/>
    public ConfState Configuration { get; } = ConfStateCodec.Decode(machine.ConfState);

    /// <inheritdoc/>
    public void MakeDurable() => incoming.Checkpointer.Begin(image).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public void Install() => storage.Install(incoming, machine);

    /// <inheritdoc/>
    public void Abandon() => incoming.Abandon();

    /// <summary>The message and the state must be of the same moment.</summary>
    /// <exception cref="InvalidDataException">They are not.</exception>
    public static void ThrowUnlessExpected(StateMachine.StateMachine machine, SnapshotMetadata expected)
    {
        if (machine.ConsistentIndex != expected.Index || machine.ConsistentTerm != expected.Term
            || !ConfStateCodec.Decode(machine.ConfState).Equals(expected.ConfState))
            throw new InvalidDataException(
                $"the state is that of entry {machine.ConsistentTerm}/{machine.ConsistentIndex}, the message speaks of {expected.Term}/{expected.Index}");
    }
}
