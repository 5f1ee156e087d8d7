using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Server.Consensus;

/// <summary>Puts a request into the replicated log and waits until this member has applied it.</summary>
public interface IProposer
{
    /// <summary>
    /// Proposes <paramref name="request"/> (its header is filled in here) and returns the answer of the state machine.
    /// </summary>
    /// <exception cref="StateMachine.Errors.EtcdException">
    /// The state machine refused it, the request is too large, there are too many, there is no leader, or it timed out.
    /// After a time-out or cancellation the request may still take effect (surface rule 53).
    /// </exception>
    ValueTask<IMessage> ProposeAsync(InternalRaftRequest request, CancellationToken cancellation);

    /// <summary>Largest request that is taken, marshalled with its header, in bytes (<c>--max-request-bytes</c>).</summary>
    int RequestBytesMax => int.MaxValue;

    /// <summary>The same, and tells <paramref name="times"/> when and for how long the request was applied, before the answer is there.</summary>
    ValueTask<IMessage> ProposeAsync(InternalRaftRequest request, IApplyTimes times, CancellationToken cancellation) => ProposeAsync(request, cancellation);
}

/// <summary>Wants to know where the time of a write went.</summary>
public interface IApplyTimes
{
    /// <summary>On the applier's thread; must only take notes.</summary>
    /// <param name="startedAt">When it began, in <see cref="System.Diagnostics.Stopwatch"/> ticks.</param>
    /// <param name="took">How long it took.</param>
    void Applied(long startedAt, TimeSpan took);
}

/// <summary>Makes a read linearizable (Raft thesis §6.4).</summary>
public interface IReadIndexGate
{
    /// <summary>
    /// Completes when the local state contains every write that was acknowledged anywhere before the call.
    /// </summary>
    /// <exception cref="StateMachine.Errors.EtcdException">No leader, leader changed, or timed out.</exception>
    ValueTask WaitAsync(CancellationToken cancellation);
}

/// <summary>What this member knows of the consensus right now. Any thread; a consistent copy.</summary>
/// <param name="MemberId">This member.</param>
/// <param name="ClusterId">Its cluster.</param>
/// <param name="Leader">Leader of <paramref name="Term"/> as known here, 0 for none.</param>
/// <param name="Term">Current term.</param>
/// <param name="CommitIndex">Highest committed index known here.</param>
/// <param name="AppliedIndex">Highest index applied here.</param>
/// <param name="IsLearner">This member does not vote.</param>
public sealed record ConsensusStatus(
    ulong MemberId, ulong ClusterId, ulong Leader, ulong Term, ulong CommitIndex, ulong AppliedIndex, bool IsLearner)
{
    /// <summary>True when this member leads.</summary>
    public bool IsLeader => Leader == MemberId && MemberId != 0;
}

/// <summary>Source of <see cref="ConsensusStatus"/>.</summary>
public interface IConsensusStatus
{
    /// <summary>The state at this moment.</summary>
    ConsensusStatus Current { get; }
}
