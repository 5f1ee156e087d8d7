using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Membership;

/// <summary>
/// Refuses changes of the members after which the cluster could be without a quorum (<c>--strict-reconfig-check</c>; surface rule 48).
/// It judges by who has started (told its name) and who is connected; what the log itself cannot take is judged when it is applied.
/// </summary>
internal sealed class ReconfigurationCheck(ulong self, MemberStore members, Func<IPeerConnections> connections, TimeProvider time)
{
    /// <summary>A member counts as healthy when it has been connected for so long.</summary>
    private static readonly TimeSpan HealthyAfter = TimeSpan.FromSeconds(5);

    private IEnumerable<Member> Voters => members.Members.Where(static member => !member.IsLearner);

    /// <exception cref="EtcdException">MemberNotEnoughStarted, Unhealthy.</exception>
    public void ThrowUnlessAddable(bool asLearner)
    {
        if (!asLearner && !HasQuorumWithOneMore(Voters))
            throw EtcdError.MemberNotEnoughStarted.ToException();
        if (!Voters.All(IsConnected))
            throw EtcdError.Unhealthy.ToException();
    }

    /// <exception cref="EtcdException">MemberNotFound, MemberNotEnoughStarted, Unhealthy.</exception>
    public void ThrowUnlessRemovable(ulong id)
    {
        Member leaving = members.Find(id) ?? throw EtcdError.MemberNotFound.ToException();
        if (leaving.IsLearner)
            return;
        Member[] voters = [.. Voters];
        Member[] rest = [.. voters.Where(member => member.Id != id)];
        if (rest.Count(IsStarted) < QuorumOf(rest.Length))
            throw EtcdError.MemberNotEnoughStarted.ToException();
        // One that is down does not count among those that are needed now.
        if (id != self && connections().ActiveSince(id) is null)
            return;
        if (voters.Count(IsConnected) - 1 < QuorumOf(rest.Length))
            throw EtcdError.Unhealthy.ToException();
    }

    /// <exception cref="EtcdException">MemberNotEnoughStarted.</exception>
    public void ThrowUnlessPromotable(ulong id)
    {
        // The learner itself counts as started: the leader has seen how far it is.
        Member[] others = [.. Voters.Where(member => member.Id != id)];
        if (others.Count(IsStarted) + 1 < QuorumOf(others.Length + 1))
            throw EtcdError.MemberNotEnoughStarted.ToException();
    }

    private static bool IsStarted(Member member) => member.Name.Length > 0;

    private static int QuorumOf(int voters) => (voters / 2) + 1;

    /// <summary>One member may always become two: it is how a cluster grows out of a backup.</summary>
    private static bool HasQuorumWithOneMore(IEnumerable<Member> voters)
    {
        Member[] all = [.. voters];
        int started = all.Count(IsStarted);
        return (started == 1 && all.Length == 1) || started >= QuorumOf(all.Length + 1);
    }

    private bool IsConnected(Member member) =>
        member.Id == self || (connections().ActiveSince(member.Id) is { } since && time.GetUtcNow() - since >= HealthyAfter);
}
