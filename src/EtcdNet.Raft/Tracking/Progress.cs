namespace EtcdNet.Raft.Tracking;

/// <summary>How the leader sends entries to a member. Numbers are those of etcd's StateType.</summary>
public enum ProgressState
{
    /// <summary>Looking for the point where the logs match: one message at a time.</summary>
    Probe = 0,

    /// <summary>The point is known: many messages at once.</summary>
    Replicate = 1,

    /// <summary>A snapshot is on its way: nothing else is sent.</summary>
    Snapshot = 2,
}

/// <summary>What the leader knows of one member's log. Always <c>match &lt; next</c>.</summary>
internal sealed class Progress(ulong id, ulong next, bool isLearner, Inflights inflights)
{
    private ulong _sentCommit;

    public ulong Id { get; } = id;

    /// <summary>The member is known to hold the leader's log up to here.</summary>
    public ulong Match { get; private set; }

    /// <summary>Next index to send.</summary>
    public ulong Next { get; private set; } = next;

    public ProgressState State { get; private set; }

    /// <summary>Index of the snapshot on its way, 0 for none.</summary>
    public ulong PendingSnapshot { get; private set; }

    /// <summary>Heard of within the last election timeout.</summary>
    public bool IsActive { get; set; }

    /// <summary>Wait for an answer or a heartbeat before the next append.</summary>
    public bool IsFlowPaused { get; set; }

    public bool IsLearner { get; init; } = isLearner;

    public Inflights Inflights { get; } = inflights;

    public bool IsPaused => State == ProgressState.Snapshot || IsFlowPaused;

    /// <summary>The same member with another role; the flow state is shared.</summary>
    public Progress As(bool learner) => new(Id, Next, learner, Inflights)
    {
        Match = Match, State = State, PendingSnapshot = PendingSnapshot, IsActive = IsActive, IsFlowPaused = IsFlowPaused,
        _sentCommit = _sentCommit,
    };

    /// <summary>Starts over with a new leader (Raft paper §5.3: next index is the leader's last + 1).</summary>
    public void Reset(ulong match, ulong next)
    {
        ResetState(ProgressState.Probe);
        (Match, Next, IsActive, _sentCommit) = (match, next, false, 0);
    }

    public void BecomeProbe()
    {
        // A snapshot that was sent counts as arrived; if it did not, the probe is rejected and goes back.
        var afterSnapshot = State == ProgressState.Snapshot ? PendingSnapshot + 1 : 0;
        ResetState(ProgressState.Probe);
        Next = Math.Max(Match + 1, afterSnapshot);
        _sentCommit = Math.Min(_sentCommit, Next - 1);
    }

    public void BecomeReplicate()
    {
        ResetState(ProgressState.Replicate);
        Next = Match + 1;
    }

    public void BecomeSnapshot(ulong index)
    {
        ResetState(ProgressState.Snapshot);
        (PendingSnapshot, Next, _sentCommit) = (index, index + 1, index);
    }

    /// <summary>The snapshot did not arrive.</summary>
    public void SnapshotFailed()
    {
        // Forget the snapshot first, else probing would start after it.
        PendingSnapshot = 0;
        BecomeProbe();
    }

    /// <summary>An append message with these entries was sent.</summary>
    public void Sent(int entries, ulong bytes)
    {
        Invariant.Holds(State != ProgressState.Snapshot, $"sending append to {Id} in state {State}");
        if (State == ProgressState.Probe)
        {
            IsFlowPaused |= entries > 0;
            return;
        }

        if (entries > 0)
        {
            Next += (ulong)entries;
            Inflights.Add(Next - 1, bytes);
        }

        // A message on a full window is a probe: it gets an answer, or the next heartbeat lifts the pause.
        IsFlowPaused = Inflights.IsFull;
    }

    /// <summary>True when sending this commit index now can move the member's own.</summary>
    public bool CanRaiseCommit(ulong commit) => commit > _sentCommit && _sentCommit < Next - 1;

    public void SentCommit(ulong commit) => _sentCommit = commit;

    /// <summary>The member acknowledged everything up to <paramref name="index"/>; false when that is old news.</summary>
    public bool TryUpdate(ulong index)
    {
        if (index <= Match)
            return false;
        Match = index;
        Next = Math.Max(Next, index + 1);
        IsFlowPaused = false;
        return true;
    }

    /// <summary>
    /// The member rejected an append after <paramref name="rejected"/>; <paramref name="hint"/> is where the logs may match.
    /// False when the answer is old.
    /// </summary>
    public bool TryDecrease(ulong rejected, ulong hint)
    {
        if (State == ProgressState.Replicate)
        {
            if (rejected <= Match)
                return false;
            Next = Match + 1;
        }
        else
        {
            // Only one message is under way here, so an answer to another one is old.
            if (Next - 1 != rejected)
                return false;
            Next = Math.Max(Math.Min(rejected, hint + 1), Match + 1);
            IsFlowPaused = false;
        }

        _sentCommit = Math.Min(_sentCommit, Next - 1);
        return true;
    }

    public override string ToString() => Describe.Progress(ToStatus());

    public ProgressStatus ToStatus() => new(Id, Match, Next, State, IsLearner, IsActive, IsPaused, PendingSnapshot, Inflights.Count, Inflights.IsFull);

    private void ResetState(ProgressState state)
    {
        (State, PendingSnapshot, IsFlowPaused) = (state, 0, false);
        Inflights.Clear();
    }
}

/// <summary>A copy of what the leader knows of one member.</summary>
/// <param name="Id">The member.</param>
/// <param name="Match">Its log equals the leader's up to here.</param>
/// <param name="Next">Next index to send.</param>
/// <param name="State">How entries are sent.</param>
/// <param name="IsLearner">Does not vote.</param>
/// <param name="IsActive">Heard of within the last election timeout.</param>
/// <param name="IsPaused">Nothing is sent until an answer comes.</param>
/// <param name="PendingSnapshot">Index of the snapshot on its way, 0 for none.</param>
/// <param name="Inflight">Append messages on their way.</param>
/// <param name="IsInflightFull">No more fit.</param>
public readonly record struct ProgressStatus(
    ulong Id, ulong Match, ulong Next, ProgressState State, bool IsLearner, bool IsActive, bool IsPaused,
    ulong PendingSnapshot, int Inflight, bool IsInflightFull);
