using System.Text;

namespace EtcdNet.Raft.Tests.Support;

/// <summary>
/// Members in sync mode that do their work at once, and a network that the test looks into, cuts and drains by hand.
/// </summary>
internal sealed class Cluster
{
    private readonly Dictionary<ulong, Member> _members = [];
    private readonly HashSet<(ulong From, ulong To)> _cut = [];
    private readonly Queue<Message> _network = new();

    public Cluster(int size, Func<RaftSettings, RaftSettings>? configure = null, ulong[]? learners = null)
    {
        var voters = Enumerable.Range(1, size).Select(i => (ulong)i).Except(learners ?? []).ToArray();
        var state = new ConfState { Voters = voters, Learners = learners ?? [] };
        for (var id = 1ul; id <= (ulong)size; id++)
            Add(id, state, configure);
    }

    public IEnumerable<Member> Members => _members.Values;

    public Member this[ulong id] => _members[id];

    /// <summary>Every message that was delivered, oldest first.</summary>
    public List<Message> Delivered { get; } = [];

    public Member Leader => Assert.Single(_members.Values, m => m.Raft.Role == RaftRole.Leader && !IsIsolated(m.Id));

    /// <summary>Another member that is not in any configuration yet.</summary>
    public Member Add(ulong id, ConfState? state = null, Func<RaftSettings, RaftSettings>? configure = null)
    {
        var settings = configure is null ? new RaftSettings() : configure(new RaftSettings());
        var member = new Member(id, state ?? new ConfState(), settings);
        _members.Add(id, member);
        return member;
    }

    public void Isolate(ulong id) => Split(id);

    /// <summary>Cuts these members off from the others, but not from each other.</summary>
    public void Split(params ulong[] side)
    {
        foreach (var inside in side)
        {
            foreach (var outside in _members.Keys.Except(side))
            {
                _cut.Add((inside, outside));
                _cut.Add((outside, inside));
            }
        }
    }

    public void Heal() => _cut.Clear();

    /// <summary>Lets a member campaign and everything settle; it must win.</summary>
    public Member Elect(ulong id)
    {
        _members[id].Raft.Campaign();
        Settle();
        Assert.Equal(RaftRole.Leader, _members[id].Raft.Role);
        return _members[id];
    }

    public void Propose(ulong id, params string[] data)
    {
        Assert.Equal(ProposeResult.Accepted, _members[id].Raft.Propose([.. data.Select(d => (ReadOnlyMemory<byte>)Encoding.ASCII.GetBytes(d))]));
        Settle();
    }

    public void Change(ulong id, string changes, ConfChangeTransition transition = ConfChangeTransition.Auto)
    {
        var change = new ConfChangeV2 { Transition = transition, Changes = Traces.ConfChanges.Parse(changes) };
        Assert.Equal(ProposeResult.Accepted, _members[id].Raft.ProposeConfChange(change));
        Settle();
    }

    /// <summary>Works and delivers until nothing is left.</summary>
    public void Settle()
    {
        do
        {
            Work();
            Deliver();
        }
        while (_network.Count > 0 || _members.Values.Any(m => m.Raft.HasReady));
    }

    /// <summary>Ticks one member and lets the consequences happen.</summary>
    public void Tick(ulong id, int ticks = 1)
    {
        for (var i = 0; i < ticks; i++)
        {
            _members[id].Raft.Tick();
            Settle();
        }
    }

    private void Work()
    {
        foreach (var member in _members.Values)
        {
            while (member.Raft.HasReady)
            {
                foreach (var message in member.Work())
                    _network.Enqueue(message);
            }
        }
    }

    private void Deliver()
    {
        while (_network.TryDequeue(out var message))
        {
            if (_cut.Contains((message.From, message.To)) || !_members.TryGetValue(message.To, out var receiver))
                continue;
            Delivered.Add(message);
            receiver.Raft.Step(message);
        }
    }

    private bool IsIsolated(ulong id) => _members.Keys.Where(o => o != id).All(o => _cut.Contains((id, o))) && _members.Count > 1;
}
