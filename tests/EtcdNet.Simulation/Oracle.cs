using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Raft;

namespace EtcdNet.Simulation;

/// <summary>
/// Sees everything that happens and checks Raft's promises against it (Raft paper, figure 3): one leader a term, logs that
/// agree, leaders that are complete, the same entries applied everywhere, each once.
/// </summary>
internal sealed class Oracle(World world)
{
    private readonly Dictionary<ulong, ulong> _leaders = [];
    private readonly Dictionary<EntryId, (ulong Content, ulong TermBefore)> _written = [];
    private readonly List<(Entry Entry, ulong CommittedBy)> _applied = [];
    private readonly Dictionary<ulong, (uint Hash, int By)> _states = [];
    private readonly Dictionary<ulong, ulong> _requests = [];
    private ulong _committedAtElection;
    private readonly Dictionary<(int Member, int Life), ulong> _terms = [];

    /// <summary>Every entry that any member applied; the one with index 1 first.</summary>
    public IEnumerable<Entry> AppliedEntries => _applied.Select(static applied => applied.Entry);

    public ulong LastApplied => (ulong)_applied.Count;

    public int Elections => _leaders.Count;

    /// <summary>
    /// Log matching: an entry with one index and term has one content and one predecessor, wherever it is written; by
    /// induction everything before it agrees too.
    /// </summary>
    public void Written(SimMember member, Message append)
    {
        foreach (Entry entry in append.Entries)
        {
            ulong before = entry.Index == 1 ? 0 : member.Node.Log.TermOrZero(entry.Index - 1);
            ulong content = Content(entry);
            if (!_written.TryGetValue(entry.Id, out (ulong Content, ulong TermBefore) known))
            {
                _written.Add(entry.Id, (content, before));
                continue;
            }

            if (known.Content != content || (before != 0 && known.TermBefore != 0 && before != known.TermBefore))
                throw new SimulationFailure($"log matching: {member} writes another entry {entry.Term}/{entry.Index} than others have");
            if (known.TermBefore == 0)
                _written[entry.Id] = (content, before);
        }
    }

    /// <summary>State machine safety: at one index all members apply the same entry; and no request is applied twice.</summary>
    public void Applied(SimMember member, IReadOnlyList<Entry> entries)
    {
        foreach (Entry entry in entries)
        {
            if (entry.Index > LastApplied + 1)
                throw new SimulationFailure($"{member} applies entry {entry.Index} while nobody has applied {LastApplied + 1}");
            if (entry.Index == LastApplied + 1)
            {
                _applied.Add((entry, member.Node.Term));
                ExactlyOnce(entry);
                continue;
            }

            (Entry known, ulong committedBy) = _applied[(int)entry.Index - 1];
            if (known.Id != entry.Id || known.Type != entry.Type || !known.Data.Span.SequenceEqual(entry.Data.Span))
                throw new SimulationFailure($"state machine safety: {member} applies {entry.Term}/{entry.Index}, others applied {known.Term}/{known.Index}");
            _applied[(int)entry.Index - 1] = (known, Math.Min(committedBy, member.Node.Term));
        }
    }

    /// <summary>Election safety and leader completeness; terms never go back within a life.</summary>
    public void Observe(SimMember member)
    {
        RaftNode node = member.Node;
        if (node.Term < _terms.GetValueOrDefault((member.Number, member.Life)))
            throw new SimulationFailure($"the term of {member} goes back");
        _terms[(member.Number, member.Life)] = node.Term;
        if (node.Role != RaftRole.Leader)
            return;
        if (!_leaders.TryGetValue(node.Term, out ulong leader))
        {
            _leaders.Add(node.Term, node.Id);
            world.Say(member, $"leads term {node.Term}, log to {node.LastIndex}, committed {node.CommitIndex}, {Describe.ConfState(node.Tracker.Configuration.ToConfState())}");
            CheckComplete(member);
            _committedAtElection = node.CommitIndex;
            world.Tempt(member, cutAtOnce: true);
        }
        else if (leader != node.Id)
        {
            throw new SimulationFailure($"election safety: {world.NameOf(leader)} and {member} both lead term {node.Term}");
        }
        else if (_committedAtElection > 0 && node.CommitIndex > _committedAtElection)
        {
            _committedAtElection = 0;
            world.Tempt(member, cutAtOnce: true);
        }
    }

    /// <summary>Members that have applied the same entries are in the same state.</summary>
    public void CompareState(SimMember member)
    {
        ulong index = member.Machine.ConsistentIndex;
        bool known = _states.TryGetValue(index, out (uint Hash, int By) state);
        if (!known && index % 4 != 0)
            return;
        uint hash = member.Machine.Hash();
        if (!known)
            _states.Add(index, (hash, member.Number));
        else if (state.Hash != hash)
            throw new SimulationFailure($"{member} and m{state.By} differ after entry {index}");
    }

    /// <summary>
    /// A leader has everything that was committed in earlier terms. The term in which an entry was committed is at most that
    /// of whoever is seen to apply it.
    /// </summary>
    private void CheckComplete(SimMember member)
    {
        RaftLog log = member.Node.Log;
        ulong term = member.Node.Term;
        for (int i = _applied.Count - 1; i >= 0; i--)
        {
            (Entry entry, ulong committedBy) = _applied[i];
            if (entry.Index + 1 < log.FirstIndex)
                break;
            if (committedBy < term && log.TermOrZero(entry.Index) != entry.Term)
                throw new SimulationFailure($"leader completeness: {member} leads term {term} without entry {entry.Term}/{entry.Index}");
        }
    }

    private void ExactlyOnce(in Entry entry)
    {
        if (entry.Type != EntryType.Normal || entry.Data.IsEmpty)
            return;
        ulong content = Hash(entry.Data.Span);
        if (_requests.TryAdd(content, entry.Index))
            return;
        // Two deletes of one key may be the same bytes when their members' clocks are wrong; values are never used twice.
        InternalRaftRequest request = InternalRaftRequest.Parser.ParseFrom(entry.Data.Span);
        if (request.Put is not null || request.Txn is not null)
            throw new SimulationFailure($"exactly once: the request of entry {_requests[content]} is applied again as entry {entry.Index}");
    }

    private static ulong Content(in Entry entry) => Hash(entry.Data.Span) ^ ((ulong)entry.Type << 56);

    private static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        ulong hash = 14695981039346656037;
        foreach (byte one in bytes)
            hash = (hash ^ one) * 1099511628211;
        return hash;
    }
}
