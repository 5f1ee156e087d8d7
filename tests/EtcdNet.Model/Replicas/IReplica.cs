using EtcdNet.Model.Naive;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine;

namespace EtcdNet.Model.Replicas;

/// <summary>A real state machine on a real store, driven a step at a time.</summary>
public interface IReplica : IDisposable
{
    /// <summary>For messages.</summary>
    string Name { get; }

    /// <summary>The state machine; another object after every restart.</summary>
    StateMachine.StateMachine Machine { get; }

    /// <summary>Where its records are.</summary>
    IBackend Backend { get; }

    /// <summary>Commits requests together, as one batch, and applies them.</summary>
    IReadOnlyList<Answer> Commit(IReadOnlyList<InternalRaftRequest> group);

    /// <summary>A slice of compaction.</summary>
    void Prune(int keys);

    /// <summary>A slice of taking back space, where there is such a thing.</summary>
    void Collect(long bytes);

    /// <summary>Begins a checkpoint, unless one is running, and may wait for it.</summary>
    void Checkpoint(bool wait);

    /// <summary>Stops and starts again; with a power cut when there is a generator that says what is lost of what was not synced.</summary>
    void Restart(Random? powerCut);
}
