using EtcdNet.Raft;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// What other threads may know of the consensus. Written by the loop and the applier, one field each; read by anyone
/// without a lock. <see cref="Current"/> reads the applied index before the commit index, so that applied ≤ commit holds
/// in every copy.
/// </summary>
internal sealed class ConsensusState(ulong memberId, ulong clusterId) : IConsensusStatus
{
    private ulong _term;
    private ulong _leader;
    private ulong _commit;
    private ulong _applied;
    private volatile ConfState _configuration = new();
    private volatile ConfState _appliedConfiguration = new();
    private ulong _appliedTerm;
    private ulong _reported;

    public ulong MemberId => memberId;

    public ulong ClusterId => clusterId;

    public ulong Term => Volatile.Read(ref _term);

    public ulong Leader => Volatile.Read(ref _leader);

    public ulong CommitIndex => Volatile.Read(ref _commit);

    public ulong AppliedIndex => Volatile.Read(ref _applied);

    public bool IsLeader => Leader == memberId;

    /// <summary>The configuration as the loop knows it, which is the one that decisions are made by.</summary>
    public ConfState Configuration => _configuration;

    /// <summary>The configuration as the applier knows it: never older than the list of members.</summary>
    public ConfState AppliedConfiguration => _appliedConfiguration;

    /// <summary>No other member votes.</summary>
    public bool IsOnlyVoter =>
        _configuration is { Voters.Count: 1, VotersOutgoing.Count: 0 } configuration && configuration.Voters[0] == memberId;

    /// <summary>
    /// This member leads, is the only voter, and has applied an entry of its own term. Then nobody else can have
    /// acknowledged anything, and every write acknowledged here is applied, so that the local state is linearizable.
    /// A second voter cannot lead without a vote of this member, and the loop publishes the new term before that vote
    /// leaves; a third one cannot be added before the second one's configuration is published here.
    /// </summary>
    public bool LeadsAlone => IsLeader && IsOnlyVoter && Volatile.Read(ref _appliedTerm) == Term;

    public ConsensusStatus Current
    {
        get
        {
            ulong applied = AppliedIndex;
            return new ConsensusStatus(
                memberId, clusterId, Leader, Term, Math.Max(CommitIndex, applied), applied, _configuration.Learners.Contains(memberId));
        }
    }

    /// <summary>Loop only.</summary>
    public LeaderChange? PublishLeadership(ulong term, ulong leader, ulong commit)
    {
        ulong oldTerm = _term;
        ulong oldLeader = _leader;
        Volatile.Write(ref _commit, commit);
        if (term == oldTerm && leader == oldLeader)
            return null;
        Volatile.Write(ref _term, term);
        Volatile.Write(ref _leader, leader);
        return new LeaderChange(leader, term, oldLeader, oldTerm);
    }

    /// <summary>Applier only, before the list of members changes.</summary>
    public void PublishAppliedConfiguration(ConfState configuration) => _appliedConfiguration = configuration;

    /// <summary>Loop only.</summary>
    public void PublishConfiguration(ConfState configuration) => _configuration = configuration;

    /// <summary>
    /// What Raft knows to be applied. It lags behind <see cref="AppliedIndex"/>, and Raft may still look at the entries in between.
    /// </summary>
    public ulong ReportedIndex => Volatile.Read(ref _reported);

    /// <summary>Loop only.</summary>
    public void PublishReported(ulong index) => Volatile.Write(ref _reported, index);

    /// <summary>Applier only; <paramref name="term"/> is that of the entry at <paramref name="index"/>.</summary>
    public void PublishApplied(ulong index, ulong term)
    {
        Volatile.Write(ref _applied, index);
        Volatile.Write(ref _appliedTerm, term);
    }
}
