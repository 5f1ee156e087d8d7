namespace EtcdNet.Raft;

/// <summary>What a <see cref="Message"/> is about. Numbers are those of raftpb.MessageType.</summary>
public enum MessageType
{
    /// <summary>Local: start an election.</summary>
    Hup = 0,

    /// <summary>Local: the leader's heartbeat is due.</summary>
    Beat = 1,

    /// <summary>A proposal; a follower forwards it to the leader.</summary>
    Prop = 2,

    /// <summary>Leader to member: entries, and how far the log is committed (Raft paper §5.3).</summary>
    App = 3,

    /// <summary>Answer to <see cref="App"/> and <see cref="Snap"/>: matched up to Index, or rejected with a hint.</summary>
    AppResp = 4,

    /// <summary>Candidate to voter (Raft paper §5.2).</summary>
    Vote = 5,

    /// <summary>Answer to <see cref="Vote"/>.</summary>
    VoteResp = 6,

    /// <summary>Leader to member: a whole snapshot (Raft paper §7).</summary>
    Snap = 7,

    /// <summary>Leader to member: still here.</summary>
    Heartbeat = 8,

    /// <summary>Answer to <see cref="Heartbeat"/>.</summary>
    HeartbeatResp = 9,

    /// <summary>Local: a message to From could not be delivered.</summary>
    Unreachable = 10,

    /// <summary>Local: how sending a snapshot to From went.</summary>
    SnapStatus = 11,

    /// <summary>Local: does the leader still hear a quorum?</summary>
    CheckQuorum = 12,

    /// <summary>Hand the leadership to From (Raft thesis §3.10).</summary>
    TransferLeader = 13,

    /// <summary>Leader to its successor: campaign at once (Raft thesis §3.10).</summary>
    TimeoutNow = 14,

    /// <summary>Ask for an index that makes a read linearizable (Raft thesis §6.4).</summary>
    ReadIndex = 15,

    /// <summary>Answer to a forwarded <see cref="ReadIndex"/>.</summary>
    ReadIndexResp = 16,

    /// <summary>Would you vote for me? (Raft thesis §9.6).</summary>
    PreVote = 17,

    /// <summary>Answer to <see cref="PreVote"/>.</summary>
    PreVoteResp = 18,

    /// <summary>Local: write entries, hard state and snapshot durably, then deliver Responses.</summary>
    StorageAppend = 19,

    /// <summary>Local: that write is durable.</summary>
    StorageAppendResp = 20,

    /// <summary>Local: apply committed entries, then deliver Responses.</summary>
    StorageApply = 21,

    /// <summary>Local: they are applied.</summary>
    StorageApplyResp = 22,

    /// <summary>Local: a follower forgets its leader so that it may vote at once.</summary>
    ForgetLeader = 23,
}

/// <summary>Sorting of <see cref="MessageType"/>.</summary>
public static class MessageTypes
{
    /// <summary>True for types that never travel between members.</summary>
    public static bool IsLocal(MessageType type) => type is MessageType.Hup or MessageType.Beat or MessageType.Unreachable
        or MessageType.SnapStatus or MessageType.CheckQuorum or MessageType.StorageAppend or MessageType.StorageAppendResp
        or MessageType.StorageApply or MessageType.StorageApplyResp;

    /// <summary>True for answers, which only count when they come from a member of the configuration.</summary>
    public static bool IsResponse(MessageType type) => type is MessageType.AppResp or MessageType.VoteResp
        or MessageType.HeartbeatResp or MessageType.Unreachable or MessageType.ReadIndexResp or MessageType.PreVoteResp
        or MessageType.StorageAppendResp or MessageType.StorageApplyResp;

    /// <summary>True for what is said in a term; requests that are merely passed on to the leader are not.</summary>
    public static bool NeedsTerm(MessageType type) => type is MessageType.App or MessageType.AppResp or MessageType.Vote
        or MessageType.VoteResp or MessageType.Snap or MessageType.Heartbeat or MessageType.HeartbeatResp or MessageType.TimeoutNow
        or MessageType.ReadIndexResp or MessageType.PreVote or MessageType.PreVoteResp;
}
