using EtcdNet.Model.Naive;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine;
using EtcdNet.Storage.Records;

namespace EtcdNet.Model.Replicas;

/// <summary>A state machine on <see cref="MemoryBackend"/>. It compacts at once and restarts from an image of this moment.</summary>
public sealed class MemoryReplica(long minLeaseTtl) : IReplica
{
    private readonly MemoryBackend _backend = new();
    private StateMachine.StateMachine? _machine;

    /// <inheritdoc/>
    public string Name => "memory";

    /// <inheritdoc/>
    public StateMachine.StateMachine Machine => _machine ??= new StateMachine.StateMachine(_backend, minLeaseTtl);

    /// <inheritdoc/>
    public IBackend Backend => _backend;

    /// <inheritdoc/>
    public IReadOnlyList<Answer> Commit(IReadOnlyList<InternalRaftRequest> group) =>
        [.. group.Select(request => Replica.Apply(Machine, Machine.ConsistentIndex + 1, request))];

    /// <inheritdoc/>
    public void Prune(int keys)
    {
        while (Machine.Compactor.Step(1000))
        {
        }
    }

    /// <inheritdoc/>
    public void Collect(long bytes)
    {
    }

    /// <inheritdoc/>
    public void Checkpoint(bool wait)
    {
    }

    /// <inheritdoc/>
    public void Restart(Random? powerCut)
    {
        // Within a pass the image counts records that this backend, unlike a real one, has dropped already.
        Prune(1);
        StateImage image = Machine.Capture();
        _machine = new StateMachine.StateMachine(_backend, minLeaseTtl);
        _machine.Restore(image, _backend);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}

/// <summary>What replicas share.</summary>
internal static class Replica
{
    internal static Answer Apply(StateMachine.StateMachine machine, ulong index, InternalRaftRequest request)
    {
        ApplyResult result = machine.Apply(index, 1, request);
        return result.Error is { } refused ? Answer.Of(refused) : new Answer(result.Response, null);
    }
}
