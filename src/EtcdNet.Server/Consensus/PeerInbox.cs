using EtcdNet.Raft;
using EtcdNet.Server.Snapshots;
using EtcdNet.StateMachine.Cluster;

namespace EtcdNet.Server.Consensus;

/// <summary>Where a transport hands in what it received from the other members, and what became of its sending. Any thread.</summary>
public sealed class PeerInbox
{
    private readonly ConsensusState _state;
    private readonly RaftLoop _loop;
    private readonly MemberStore _members;
    private readonly IncomingSnapshots _snapshots;
    private readonly IStateStore _states;

    internal PeerInbox(ConsensusState state, RaftLoop loop, MemberStore members, IncomingSnapshots snapshots, IStateStore states)
    {
        (_state, _loop, _members, _snapshots, _states) = (state, loop, members, snapshots, states);
    }

    /// <summary>This member.</summary>
    public ulong MemberId => _state.MemberId;

    /// <summary>Its cluster.</summary>
    public ulong ClusterId => _state.ClusterId;

    /// <summary>
    /// True for a former member: it is told so instead of being heard (etcd answers it 410 Gone). One that is on its way out
    /// through a joint configuration still has its vote (Raft paper §6).
    /// </summary>
    public bool IsRemoved(ulong id) => _members.Removed.Contains(id) && !_state.AppliedConfiguration.VotersOutgoing.Contains(id);

    /// <summary>Takes a message that came from member <paramref name="peer"/>.</summary>
    /// <param name="peer">Who sent it, as far as the connection proves it.</param>
    /// <param name="message">Anything but a <see cref="MessageType.Snap"/>, which comes with its state.</param>
    public PeerVerdict Receive(ulong peer, Message message) =>
        message.Type == MessageType.Snap ? PeerVerdict.Refused : Judge(peer, message, PeerVerdict.Taken, message);

    /// <summary>
    /// Takes a snapshot: reads its state, proves it against its checksums, and hands both to Raft. Blocks on the stream, so
    /// call it on a thread of its own. One at a time: <see cref="PeerVerdict.Busy"/> while another one is under way.
    /// </summary>
    /// <exception cref="InvalidDataException">The stream does not hold the state that it should; nothing changed.</exception>
    /// <exception cref="IOException">The stream broke; nothing changed.</exception>
    public PeerVerdict ReceiveSnapshot(ulong peer, Message message, Stream state)
    {
        if (message.Type != MessageType.Snap || message.Snapshot is not { IsEmpty: false } snapshot)
            return PeerVerdict.Refused;
        if (Judge(peer, message, PeerVerdict.Taken, null) is var verdict and not PeerVerdict.Taken)
            return verdict;
        if (!_snapshots.TryBegin())
            return PeerVerdict.Busy;
        IReceivedState received;
        try
        {
            received = _states.Receive(snapshot.Metadata, state);
        }
        catch
        {
            _snapshots.Fail();
            throw;
        }
        _snapshots.Offer(received);
        if (_loop.Step(message))
            return PeerVerdict.Taken;
        _snapshots.Judged();
        return PeerVerdict.Stopped;
    }

    /// <summary>A message to that member could not be delivered.</summary>
    public void ReportUnreachable(ulong peer) => _loop.ReportUnreachable(peer);

    /// <summary>That member's process has ended: its connections closed, and it takes no new ones.</summary>
    public void ReportGone(ulong peer) => _loop.ReportGone(peer);

    /// <summary>Whether a snapshot has reached that member.</summary>
    public void ReportSnapshot(ulong peer, bool ok) => _loop.ReportSnapshot(peer, ok);

    private PeerVerdict Judge(ulong peer, Message message, PeerVerdict good, Message? toStep)
    {
        // Only the sender is told: a member that passes on what a former member asked is none itself.
        if (IsRemoved(peer))
            return PeerVerdict.Removed;
        // Requests that were passed on keep the name of who asked first; everything else is said by the sender itself.
        bool mayBePassedOn = message.Type is MessageType.Prop or MessageType.ReadIndex or MessageType.TransferLeader;
        bool isHonest = message.To == MemberId && !LocalThreads.Contains(message.From) && !MessageTypes.IsLocal(message.Type)
            && message.Responses.Count == 0 && (mayBePassedOn || message.From == peer);
        if (!isHonest)
            return PeerVerdict.Refused;
        return toStep is null || _loop.Step(toStep) ? good : PeerVerdict.Stopped;
    }
}

/// <summary>What became of something received.</summary>
public enum PeerVerdict
{
    /// <summary>Handed to Raft.</summary>
    Taken,

    /// <summary>The sender is no member any more.</summary>
    Removed,

    /// <summary>It is not for this member, not from who it says, or of a kind that members do not send.</summary>
    Refused,

    /// <summary>Another snapshot is under way.</summary>
    Busy,

    /// <summary>This member is stopping.</summary>
    Stopped,
}
