namespace EtcdNet.Raft.Tests.Chaos;

/// <summary>What a run does, drawn from its seed.</summary>
internal sealed record ChaosOptions(bool Async, bool PreVote, bool CheckQuorum, bool StepDown, int Members);

/// <summary>Knows everything that ever happened and checks Raft's promises (Raft paper figure 3) against it.</summary>
internal sealed class ChaosOracle
{
    private readonly Dictionary<ulong, ulong> _leaders = [];
    private readonly SortedDictionary<ulong, Entry> _committed = [];
    private readonly Dictionary<ulong, ulong> _terms = [];

    /// <summary>Highest index that any member applied.</summary>
    public ulong LastApplied { get; private set; } = 1;

    /// <summary>How many distinct entries were applied.</summary>
    public int Count => _committed.Count;

    /// <summary>State machine safety: no two members ever apply different entries at one index.</summary>
    public void Applied(ulong member, Entry entry)
    {
        if (_committed.TryGetValue(entry.Index, out var other))
            Assert.True(Same(entry, other), $"{member} applied {Describe.Entry(entry)}, somebody else {Describe.Entry(other)}");
        else
            _committed.Add(entry.Index, entry);
        LastApplied = Math.Max(LastApplied, entry.Index);
    }

    /// <summary>A term that never became durable may be forgotten; nobody was promised anything in it.</summary>
    public void Crashed(ulong member) => _terms.Remove(member);

    /// <summary>Election safety, leader completeness, and terms that only grow.</summary>
    public void Observe(RaftNode raft)
    {
        Assert.True(raft.Term >= _terms.GetValueOrDefault(raft.Id), $"term of {raft.Id} went back");
        _terms[raft.Id] = raft.Term;
        if (raft.Role != RaftRole.Leader)
            return;
        if (_leaders.TryGetValue(raft.Term, out var leader))
            Assert.True(leader == raft.Id, $"{leader} and {raft.Id} both lead term {raft.Term}");
        else
            CheckComplete(raft);
        _leaders[raft.Term] = raft.Id;
    }

    private void CheckComplete(RaftNode raft)
    {
        foreach (var entry in _committed.Values)
        {
            if (entry.Index < raft.Log.FirstIndex)
                continue;
            var found = raft.Log.Slice(entry.Index, entry.Index + 1, ulong.MaxValue);
            Assert.True(found is { Count: 1 } && Same(found[0], entry), $"leader {raft.Id} of term {raft.Term} misses {Describe.Entry(entry)}");
        }
    }

    private static bool Same(in Entry a, in Entry b) => a.Id == b.Id && a.Type == b.Type && a.Data.Span.SequenceEqual(b.Data.Span);
}
