namespace EtcdNet.Raft.Quorum;

/// <summary>Both majorities have to agree (Raft paper §6). With an empty outgoing set this is the incoming majority alone.</summary>
public sealed class JointQuorum(MajorityQuorum incoming, MajorityQuorum outgoing)
{
    /// <summary>Voters of the configuration being entered (or in force).</summary>
    public MajorityQuorum Incoming { get; } = incoming;

    /// <summary>Voters of the configuration being left; empty unless joint.</summary>
    public MajorityQuorum Outgoing { get; } = outgoing;

    /// <summary>Voters of either set, ascending.</summary>
    public ulong[] Ids { get; } = Union(incoming, outgoing);

    /// <summary>True while between two configurations.</summary>
    public bool IsJoint => Outgoing.Count > 0;

    /// <summary>True when <paramref name="id"/> votes in either set.</summary>
    public bool Contains(ulong id) => Incoming.Contains(id) || Outgoing.Contains(id);

    /// <summary>The highest index acknowledged by both majorities.</summary>
    public ulong Committed<T>(T acknowledged)
        where T : IAcknowledged => Math.Min(Incoming.Committed(acknowledged), Outgoing.Committed(acknowledged));

    /// <summary>Won only when both are won, lost as soon as one is lost.</summary>
    public VoteResult Vote(IReadOnlyDictionary<ulong, bool> votes)
    {
        var (first, second) = (Incoming.Vote(votes), Outgoing.Vote(votes));
        if (first == second)
            return first;
        return first == VoteResult.Lost || second == VoteResult.Lost ? VoteResult.Lost : VoteResult.Pending;
    }

    /// <summary>As in logs: <c>(1 2 3)&amp;&amp;(1)</c>.</summary>
    public override string ToString() => IsJoint ? $"{Incoming}&&{Outgoing}" : Incoming.ToString();

    private static ulong[] Union(MajorityQuorum a, MajorityQuorum b)
    {
        if (b.Count == 0)
            return a.Ids.ToArray();
        var ids = new SortedSet<ulong>();
        foreach (var id in a.Ids)
            ids.Add(id);
        foreach (var id in b.Ids)
            ids.Add(id);
        return [.. ids];
    }
}
