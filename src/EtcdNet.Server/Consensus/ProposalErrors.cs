using EtcdNet.Raft;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Consensus;

/// <summary>What a client is told when its proposal did not get through.</summary>
internal static class ProposalErrors
{
    /// <summary>The node did not take it.</summary>
    public static Exception Dropped(ProposeResult result) => result switch
    {
        ProposeResult.DroppedNoLeader => EtcdError.NoLeader.ToException(),
        ProposeResult.DroppedTooMuchUncommitted => EtcdError.RequestTooManyRequests.ToException(),
        _ => EtcdError.Timeout.ToException(),
    };
}
