using EtcdNet.Raft.Membership;
using EtcdNet.Raft.Quorum;

namespace EtcdNet.Raft.Tracking;

/// <summary>The configuration, the leader's knowledge of every member in it, and the votes of an election.</summary>
internal sealed class ProgressTracker(int maxInflightMessages, ulong maxInflightBytes) : IAcknowledged
{
    private readonly Dictionary<ulong, bool> _votes = [];

    public Configuration Configuration { get; private set; } = Configuration.Empty;

    /// <summary>All members, ascending by id: the order of broadcasts.</summary>
    public Progress[] Members { get; private set; } = [];

    /// <summary>Highest index on a quorum.</summary>
    public ulong Committed => Configuration.Voters.Committed(this);

    public Inflights NewInflights() => new(maxInflightMessages, maxInflightBytes);

    public void Switch(Configuration configuration, Progress[] members) => (Configuration, Members) = (configuration, members);

    public Progress? Find(ulong id)
    {
        // A handful of members: cheaper than a dictionary.
        foreach (var member in Members)
        {
            if (member.Id == id)
                return member;
        }

        return null;
    }

    public bool TryGet(ulong id, out ulong index)
    {
        var member = Find(id);
        index = member?.Match ?? 0;
        return member is not null;
    }

    public bool IsQuorumActive()
    {
        var active = new Dictionary<ulong, bool>(Members.Length);
        foreach (var member in Members)
        {
            if (!member.IsLearner)
                active[member.Id] = member.IsActive;
        }

        return Configuration.Voters.Vote(active) == VoteResult.Won;
    }

    public void ResetVotes() => _votes.Clear();

    /// <summary>The first vote of a member counts.</summary>
    public void RecordVote(ulong id, bool granted) => _votes.TryAdd(id, granted);

    public bool HasVoteOf(ulong id) => _votes.ContainsKey(id);

    public (int Granted, int Rejected, VoteResult Result) TallyVotes()
    {
        var (granted, rejected) = (0, 0);
        foreach (var member in Members)
        {
            if (member.IsLearner || !_votes.TryGetValue(member.Id, out var yes))
                continue;
            if (yes)
                granted++;
            else
                rejected++;
        }

        return (granted, rejected, Configuration.Voters.Vote(_votes));
    }
}
