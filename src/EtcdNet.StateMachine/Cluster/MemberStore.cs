using System.Text.Json;
using EtcdNet.Protocol.Raftpb;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.StateMachine.Cluster;

/// <summary>
/// Who belongs to the cluster, who no longer does, and the versions that were agreed upon. Changed on the applier's thread
/// only; every property is an immutable copy that any thread may read.
/// </summary>
public sealed class MemberStore(int maxLearners = MemberStore.DefaultMaxLearners)
{
    /// <summary>Default of <c>--max-learners</c>.</summary>
    public const int DefaultMaxLearners = 1;

    private Member[] _members = [];
    private ulong[] _removed = [];
    private string _clusterVersion = "";
    private string? _downgradeTarget;

    /// <summary>The members, by id.</summary>
    public IReadOnlyList<Member> Members => Volatile.Read(ref _members);

    /// <summary>Ids of former members, ascending. They never come back.</summary>
    public IReadOnlyList<ulong> Removed => Volatile.Read(ref _removed);

    /// <summary>Agreed cluster version ("3.6.0"); empty while none is.</summary>
    public string ClusterVersion => Volatile.Read(ref _clusterVersion);

    /// <summary>Version that the cluster is being downgraded to; null when no downgrade goes on.</summary>
    public string? DowngradeTarget => Volatile.Read(ref _downgradeTarget);

    /// <summary>A member by its id.</summary>
    public Member? Find(ulong id) => Array.Find(Volatile.Read(ref _members), member => member.Id == id);

    /// <summary>What speaks against a configuration change in the present state; null when nothing does.</summary>
    public EtcdError? Judge(ConfChange change)
    {
        if (_removed.Contains(change.NodeId))
            return EtcdError.MemberNotFound;
        Member? known = Find(change.NodeId);
        switch (change.Type)
        {
            case ConfChangeType.ConfChangeAddNode or ConfChangeType.ConfChangeAddLearnerNode:
                return JudgeAdd(change, known);
            case ConfChangeType.ConfChangeRemoveNode:
                return known is null ? EtcdError.MemberNotFound : null;
            case ConfChangeType.ConfChangeUpdateNode:
                if (known is null)
                    return EtcdError.MemberNotFound;
                return ReadContext(change) is { } update ? JudgeUrls(update.Member, except: change.NodeId) : EtcdError.MemberBadURLs;
            default:
                return EtcdError.MemberBadURLs;
        }
    }

    /// <summary>The same for changes that are made together, each on top of those before it.</summary>
    public EtcdError? Judge(IReadOnlyList<ConfChange> changes)
    {
        var trial = new MemberStore(maxLearners);
        trial.Adopt(this);
        foreach (ConfChange change in changes)
        {
            if (trial.Judge(change) is { } error)
                return error;
            trial.Apply(change);
        }
        return null;
    }

    /// <summary>Makes a change that was judged to be right.</summary>
    internal void Apply(ConfChange change)
    {
        if (change.Type == ConfChangeType.ConfChangeRemoveNode)
        {
            Replace(change.NodeId, null);
            Volatile.Write(ref _removed, [.. _removed.Append(change.NodeId).Order()]);
            return;
        }
        (Member member, bool isPromote) = ReadContext(change)!.Value;
        Member? known = Find(change.NodeId);
        if (change.Type == ConfChangeType.ConfChangeUpdateNode)
            Replace(change.NodeId, known! with { PeerUrls = member.PeerUrls });
        else if (isPromote)
            Replace(change.NodeId, known! with { IsLearner = false });
        else
            Replace(change.NodeId, member with { Id = change.NodeId });
    }

    /// <summary>A member started: its name and client URLs. Unknown members are left out, they were removed meanwhile.</summary>
    internal void SetAttributes(ulong id, string name, IEnumerable<string> clientUrls)
    {
        if (Find(id) is { } member)
            Replace(id, member with { Name = name, ClientUrls = [.. clientUrls] });
    }

    internal void SetClusterVersion(string version) => Volatile.Write(ref _clusterVersion, version);

    internal void SetDowngrade(string? target) => Volatile.Write(ref _downgradeTarget, target);

    internal void Restore(IEnumerable<Member> members, IEnumerable<ulong> removed)
    {
        Volatile.Write(ref _members, [.. members.OrderBy(static member => member.Id)]);
        Volatile.Write(ref _removed, [.. removed.Order()]);
    }

    internal void Adopt(MemberStore other)
    {
        Volatile.Write(ref _members, other._members);
        Volatile.Write(ref _removed, other._removed);
        SetClusterVersion(other.ClusterVersion);
        SetDowngrade(other.DowngradeTarget);
    }

    private EtcdError? JudgeAdd(ConfChange change, Member? known)
    {
        if (ReadContext(change) is not { } context)
            return EtcdError.MemberBadURLs;
        if (context.IsPromote)
            return known is null ? EtcdError.MemberNotFound : known.IsLearner ? null : EtcdError.MemberNotLearner;
        if (known is not null)
            return EtcdError.MemberExist;
        if (JudgeUrls(context.Member, except: 0) is { } error)
            return error;
        bool isLearner = context.Member.IsLearner && change.Type == ConfChangeType.ConfChangeAddLearnerNode;
        return isLearner && _members.Count(static member => member.IsLearner) >= maxLearners ? EtcdError.TooManyLearners : null;
    }

    private EtcdError? JudgeUrls(Member wanted, ulong except) =>
        _members.Any(member => member.Id != except && member.PeerUrls.Intersect(wanted.PeerUrls).Any()) ? EtcdError.PeerURLExist : null;

    private static (Member Member, bool IsPromote)? ReadContext(ConfChange change)
    {
        try
        {
            return MemberJson.ReadContext(change.Context.Memory);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private void Replace(ulong id, Member? member)
    {
        IEnumerable<Member> others = _members.Where(other => other.Id != id);
        Volatile.Write(ref _members, [.. (member is null ? others : others.Append(member)).OrderBy(static other => other.Id)]);
    }
}
