using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Membership;

/// <summary>Adds, removes, updates and promotes members: checks what can be checked, and brings the change through the log.</summary>
/// <param name="core">The consensus part of this member.</param>
/// <param name="members">Who the members are.</param>
/// <param name="check">Null with <c>--strict-reconfig-check=false</c>.</param>
/// <param name="leaderLink">The way to the leader; gives null while there is none.</param>
/// <param name="limits">How long a promotion that is passed on may take.</param>
/// <param name="time">Clock; the ids of new members depend on it.</param>
internal sealed class MembershipChanges(
    MemberCore core, MemberStore members, ReconfigurationCheck? check, Func<ILeaderLink?> leaderLink, ProposerLimits limits, TimeProvider time)
{
    /// <summary>A learner is ready when it has this share of what the leader has (surface rule 49).</summary>
    private const double ReadyShare = 0.9;

    private static readonly TimeSpan LeaderPoll = TimeSpan.FromMilliseconds(50);

    /// <summary>Adds a member that has yet to be started. Gives it with its id.</summary>
    /// <exception cref="EtcdException">MemberBadURLs, MemberNotEnoughStarted, Unhealthy, PeerURLExist, TooManyLearners; or what proposals throw.</exception>
    public async ValueTask<Member> AddAsync(IReadOnlyCollection<string> peerUrls, bool asLearner, CancellationToken cancellation)
    {
        string[] urls = Parse(peerUrls);
        check?.ThrowUnlessAddable(asLearner);
        // The time makes the id another one than that of a member that was removed from the same address.
        var member = new Member
        {
            Id = MemberIds.OfMember(urls, "", time.GetUtcNow().ToUnixTimeSeconds()), PeerUrls = urls, IsLearner = asLearner,
        };
        ConfChangeType type = asLearner ? ConfChangeType.AddLearnerNode : ConfChangeType.AddNode;
        await ProposeAsync(type, member.Id, MemberJson.WriteContext(member), cancellation).ConfigureAwait(false);
        return member;
    }

    /// <summary>Removes a member for ever.</summary>
    /// <exception cref="EtcdException">MemberNotFound, MemberNotEnoughStarted, Unhealthy; or what proposals throw.</exception>
    public ValueTask RemoveAsync(ulong id, CancellationToken cancellation)
    {
        check?.ThrowUnlessRemovable(id);
        return ProposeAsync(ConfChangeType.RemoveNode, id, default, cancellation);
    }

    /// <summary>Changes the peer URLs of a member.</summary>
    /// <exception cref="EtcdException">MemberBadURLs, MemberNotFound, PeerURLExist; or what proposals throw.</exception>
    public ValueTask UpdateAsync(ulong id, IReadOnlyCollection<string> peerUrls, CancellationToken cancellation)
    {
        // etcd does not look at the URLs; of a member that is not there it says so whatever they are.
        if (EtcdUrl.TryParseList(peerUrls, out _) is not null && members.Find(id) is null)
            throw EtcdError.MemberNotFound.ToException();
        var member = new Member { Id = id, PeerUrls = Parse(peerUrls) };
        return ProposeAsync(ConfChangeType.UpdateNode, id, MemberJson.WriteContext(member), cancellation);
    }

    /// <summary>Makes a learner a voter; passed on to the leader, which alone knows how far the learner is.</summary>
    /// <exception cref="EtcdException">MemberNotFound, MemberNotLearner, LearnerNotReady, MemberNotEnoughStarted; or what proposals throw.</exception>
    public async ValueTask<IReadOnlyList<Member>> PromoteAsync(ulong id, CancellationToken cancellation)
    {
        long started = time.GetTimestamp();
        while (true)
        {
            ulong leader = core.State.Leader;
            EtcdException failure = (leader == 0 ? EtcdError.NoLeader : EtcdError.Timeout).ToException();
            try
            {
                if (leader == core.State.MemberId)
                    return await PromoteHereAsync(id, cancellation).ConfigureAwait(false);
                if (leader != 0 && leaderLink() is { } link)
                    return await link.PromoteAsync(leader, id, cancellation).ConfigureAwait(false);
            }
            catch (EtcdException error) when (error.Message == EtcdError.NotLeader.Message)
            {
                failure = error;
            }
            if (time.GetElapsedTime(started) >= limits.RequestTimeout)
                throw failure;
            await Task.Delay(LeaderPoll, time, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>The same, by this member alone.</summary>
    /// <exception cref="EtcdException">NotLeader, and what <see cref="PromoteAsync"/> throws.</exception>
    public async ValueTask<IReadOnlyList<Member>> PromoteHereAsync(ulong id, CancellationToken cancellation)
    {
        await ThrowUnlessReadyAsync(id, cancellation).ConfigureAwait(false);
        check?.ThrowUnlessPromotable(id);
        var member = new Member { Id = id };
        await ProposeAsync(ConfChangeType.AddNode, id, MemberJson.WriteContext(member, isPromote: true), cancellation).ConfigureAwait(false);
        return members.Members;
    }

    /// <summary>Looks at the URLs alone, before anything else is asked.</summary>
    /// <exception cref="EtcdException">MemberBadURLs.</exception>
    public static void ThrowUnlessUrls(IReadOnlyCollection<string> peerUrls) => Parse(peerUrls);

    private static string[] Parse(IReadOnlyCollection<string> peerUrls) =>
        EtcdUrl.TryParseList(peerUrls, out IReadOnlyList<EtcdUrl> urls) is null
            ? [.. urls.Select(static url => url.Text)]
            : throw EtcdError.MemberBadURLs.ToException();

    private async ValueTask ThrowUnlessReadyAsync(ulong id, CancellationToken cancellation)
    {
        RaftStatus status = await core.Loop.InspectAsync(static node => node.Status, cancellation).ConfigureAwait(false);
        if (status.Role != RaftRole.Leader)
            throw EtcdError.NotLeader.ToException();
        if (members.Find(id) is null)
            throw EtcdError.MemberNotFound.ToException();
        ulong own = MatchOf(status, status.Id);
        if (MatchOf(status, id) < own * ReadyShare)
            throw EtcdError.LearnerNotReady.ToException();

        static ulong MatchOf(RaftStatus status, ulong id) => status.Progress.FirstOrDefault(progress => progress.Id == id).Match;
    }

    private async ValueTask ProposeAsync(ConfChangeType type, ulong id, ReadOnlyMemory<byte> context, CancellationToken cancellation)
    {
        var change = new ConfChange { Type = type, NodeId = id, Context = context };
        await core.Proposer.ProposeConfChangeAsync(change, cancellation).ConfigureAwait(false);
    }
}
