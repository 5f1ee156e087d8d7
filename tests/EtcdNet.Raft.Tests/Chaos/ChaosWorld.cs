using System.Globalization;
using System.Text;

namespace EtcdNet.Raft.Tests.Chaos;

/// <summary>
/// Members, a network that loses, repeats and reorders, crashes, compactions and membership changes; everything from one seed.
/// First a phase of faults in which only safety is checked, then one without faults in which everybody must catch up.
/// </summary>
internal sealed class ChaosWorld
{
    private readonly Random _random;
    private readonly ChaosOptions _options;
    private readonly ChaosOracle _oracle = new();
    private readonly List<ChaosNode> _nodes = [];
    private readonly List<Message> _network = [];
    private readonly HashSet<(ulong, ulong)> _cut = [];
    private readonly Dictionary<string, ulong> _reads = [];
    private int _counter;
    private bool _faults = true;

    public ChaosWorld(int seed)
    {
        _random = new Random(seed);
        _options = new ChaosOptions(Chance(50), Chance(50), Chance(50), Chance(50), 1 + (2 * _random.Next(3)));
        var voters = new ConfState { Voters = [.. Enumerable.Range(1, _options.Members).Select(i => (ulong)i)] };
        for (var i = 1; i <= _options.Members + 2; i++)
            _nodes.Add(new ChaosNode((ulong)i, i <= _options.Members ? voters : new ConfState(), _options, _oracle, new Random(_random.Next()), Send));
    }

    public int AppliedEntries => _oracle.Count;

    public int ReadsServed { get; private set; }

    public void Run(int steps)
    {
        for (var i = 0; i < steps; i++)
            Step();
        Heal();
        for (var i = 0; i < 60_000 && !IsSettled(); i++)
            Step();
        Assert.True(IsSettled(), $"no agreement after the faults were over: {Picture()}");
    }

    private void Step()
    {
        var node = _nodes[_random.Next(_nodes.Count)];
        switch (_random.Next(100))
        {
            case < 40:
                // Faster than the members talk, or the network only fills up.
                for (var i = _faults ? _random.Next(4) : 8; i > 0; i--)
                    DeliverOne();
                break;
            case < 75:
                node.Work();
                CheckReads(node);
                break;
            case < 88:
                if (node.IsUp)
                    node.Raft.Tick();
                break;
            case < 94:
                if (node.IsUp && _faults)
                    Use(node);
                break;
            default:
                Disturb(node);
                break;
        }
    }

    private void Use(ChaosNode node)
    {
        switch (_random.Next(10))
        {
            case < 6:
                node.Raft.Propose([.. Enumerable.Range(0, 1 + _random.Next(4)).Select(_ => (ReadOnlyMemory<byte>)Bytes($"p{_counter++}"))]);
                break;
            case < 8:
                var context = $"r{_counter++}";
                _reads[context] = _oracle.LastApplied;
                node.Raft.ReadIndex(Bytes(context));
                break;
            case < 9:
                node.Raft.TransferLeader((ulong)_random.Next(1, _nodes.Count + 1));
                break;
            default:
                node.Raft.ProposeConfChange(RandomChange());
                break;
        }
    }

    private void Disturb(ChaosNode node)
    {
        switch (_random.Next(12))
        {
            case < 3:
                node.Compact();
                break;
            case < 5 when _faults && node.IsUp:
                node.Crash();
                break;
            case < 9 when !node.IsUp:
                node.Start();
                break;
            case < 11 when _faults:
                var other = _nodes[_random.Next(_nodes.Count)];
                if (!_cut.Remove((node.Id, other.Id)))
                    _cut.Add((node.Id, other.Id));
                break;
            case < 12 when _faults && Chance(40):
                // True or not: a process that is believed to have ended.
                foreach (var witness in _nodes.Where(n => n.IsUp && Chance(70)))
                    witness.Raft.ReportGone(node.Id);
                break;
            default:
                ReportToLeader(node.Id);
                break;
        }
    }

    /// <summary>A transport tells how a snapshot went, and that a member cannot be reached.</summary>
    private void ReportToLeader(ulong about)
    {
        foreach (var leader in _nodes.Where(n => n.IsUp && n.Raft.Role == RaftRole.Leader))
        {
            leader.Raft.ReportSnapshot(about, Chance(50));
            if (Chance(30))
                leader.Raft.ReportUnreachable(about);
        }
    }

    private void Send(Message message)
    {
        if (_faults && (Chance(5) || _cut.Contains((message.From, message.To))))
            return;
        _network.Add(message);
        if (_faults && Chance(5))
            _network.Add(message);
    }

    private void DeliverOne()
    {
        if (_network.Count == 0)
            return;
        var at = _faults && Chance(20) ? _random.Next(_network.Count) : 0;
        var message = _network[at];
        _network.RemoveAt(at);
        _nodes[(int)message.To - 1].Step(message);
    }

    /// <summary>A read index must cover everything that was applied anywhere when the read was asked for.</summary>
    private void CheckReads(ChaosNode node)
    {
        foreach (var read in node.Reads)
        {
            var context = Encoding.ASCII.GetString(read.Context.Span);
            Assert.True(read.Index >= _reads[context], $"{node.Id} may read {context} at {read.Index}, but {_reads[context]} was applied before");
            ReadsServed++;
        }

        node.Reads.Clear();
    }

    private ConfChangeV2 RandomChange()
    {
        var changes = new List<ConfChangeSingle>();
        for (var i = _random.Next(4); i > 0; i--)
            changes.Add(new ConfChangeSingle((ConfChangeType)_random.Next(4), (ulong)_random.Next(1, _nodes.Count + 1)));
        return new ConfChangeV2 { Transition = (ConfChangeTransition)_random.Next(3), Changes = changes };
    }

    private void Heal()
    {
        _faults = false;
        _cut.Clear();
        foreach (var node in _nodes.Where(n => !n.IsUp))
            node.Start();
    }

    /// <summary>A leader exists, and every member of its configuration has applied its whole log.</summary>
    private bool IsSettled()
    {
        var leader = _nodes.Where(n => n.IsUp && n.Raft.Role == RaftRole.Leader).MaxBy(n => n.Raft.Term);
        if (leader is null || leader.Raft.Status.Config is not { } configuration)
            return false;
        var members = configuration.Voters.Concat(configuration.VotersOutgoing).Concat(configuration.Learners);
        var target = leader.Applied;
        return target + 6 >= leader.Raft.LastIndex && target + 6 >= _oracle.LastApplied
            && leader.Raft.Log.TermOrZero(leader.Raft.CommitIndex) == leader.Raft.Term
            && members.All(id => _nodes[(int)id - 1].Applied + 6 >= target);
    }

    private string Picture() => $"{_options}, {_network.Count} messages\n" + string.Join('\n', _nodes.Select(n =>
        $"{n.Id}: {n.Raft.Role} term {n.Raft.Term} lead {n.Raft.Leader} commit {n.Raft.CommitIndex} applied {n.Applied} last {n.Raft.LastIndex} "
        + $"{n.Raft.Tracker.Configuration} [{string.Join(", ", n.Raft.Status.Progress.Select(p => $"{p.Id}: {Describe.Progress(p)}"))}]"));

    private bool Chance(int percent) => _random.Next(100) < percent;

    private static byte[] Bytes(string text) => Encoding.ASCII.GetBytes(text.ToString(CultureInfo.InvariantCulture));
}
