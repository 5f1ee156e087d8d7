namespace EtcdNet.Server.Consensus;

/// <summary>Who leads now, and who led before; 0 for nobody.</summary>
public readonly record struct LeaderChange(ulong Leader, ulong Term, ulong OldLeader, ulong OldTerm);
