using System.Runtime.CompilerServices;
using System.Text;
using EtcdNet.Raft;
using EtcdNet.Raft.Membership;
using EtcdNet.Simulation.Mutations;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.Testing.Simulated;

namespace EtcdNet.Simulation;

/// <summary>
/// A cluster, its clients and everything that can go wrong, all decided by one seed. First a phase of faults, in which only
/// safety counts; then the faults end, and everybody must agree and be served.
/// </summary>
internal sealed partial class World
{
    public const ulong ClusterId = 0xC1;
    public const int RequestTimeout = 400_000;

    private readonly List<SimMember> _members = [];
    private readonly List<SimClient> _clients = [];
    private readonly List<SimWatcher> _watchers = [];
    private readonly Queue<ulong> _spareIds = new();
    private readonly IReadOnlyList<Entry> _founding;
    private readonly StringBuilder? _story;
    private long _lastValue;
    private bool _faults = true;
    private SimMember? _cutOff;

    public World(int seed, bool told = false, Mutation? mutation = null)
    {
        Random = new Random(seed);
        Mutation = mutation ?? Mutation.None;
        Settings = SimSettings.Draw(seed, Random);
        _story = told ? new StringBuilder() : null;
        Network = new SimNetwork(Schedule, Random)
        {
            Loss = Settings.Loss, Doubling = Settings.Doubling, Lateness = Settings.Lateness, DelayMax = Settings.DelayMax,
            LateMax = Settings.LateMax,
        };
        Oracle = new Oracle(this);
        Histories = [.. Enumerable.Range(0, Settings.Keys).Select(static _ => new List<RegisterOperation>())];
        _story?.AppendLine($"{Settings}");
        ulong[] ids = [.. Enumerable.Range(1, Settings.Members + Settings.Spares).Select(IdOf)];
        _founding = Founding(ids[..Settings.Members]);
        for (int i = 0; i < Settings.Members; i++)
            _members.Add(new SimMember(this, i + 1, ids[i], _founding));
        foreach (ulong spare in ids[Settings.Members..])
            _spareIds.Enqueue(spare);
        for (int i = 1; i <= Settings.Clients; i++)
            _clients.Add(new SimClient(this, i));
        for (int i = 1; i <= 2; i++)
            _watchers.Add(new SimWatcher(i));
    }

    public Random Random { get; }

    public SimSettings Settings { get; }

    public Mutation Mutation { get; }

    public SimSchedule Schedule { get; } = new();

    public SimNetwork Network { get; }

    public Oracle Oracle { get; }

    /// <summary>What the clients did to each key.</summary>
    public List<RegisterOperation>[] Histories { get; }

    /// <summary>Values that members refused to write: they must never appear.</summary>
    public HashSet<long> RefusedValues { get; } = [];

    /// <summary>Operations that were answered.</summary>
    public int Answered { get; set; }

    /// <summary>Somebody reads the story.</summary>
    public bool IsTold => _story is not null;

    /// <summary>One line an event; empty unless it was asked for.</summary>
    public string Story => _story?.ToString() ?? "";

    /// <summary>Runs everything.</summary>
    /// <param name="microseconds">Length of the phase of faults.</param>
    /// <exception cref="SimulationFailure">A promise was broken.</exception>
    public void Run(long microseconds)
    {
        foreach (SimMember member in _members.ToArray())
            member.Start();
        foreach (SimClient client in _clients)
            PlanClient(client);
        PlanWatchers();
        PlanFault();
        while (Schedule.Step(microseconds))
        {
            // Each event plans those that follow from it.
        }

        Recover();
        Conclude();
    }

    public SimMember? Find(ulong id) => _members.Find(member => member.Id == id);

    public string NameOf(ulong id) => id == 0 ? "nobody" : Find(id)?.ToString() ?? $"{id:x}";

    /// <summary>A member that runs, mostly one that can serve; learners serve clients too.</summary>
    public SimMember? AnyMemberForClients()
    {
        SimMember[] up = [.. _members.Where(static member => member.IsUp)];
        SimMember? chosen = null;
        for (int attempt = 0; attempt < 3 && up.Length > 0; attempt++)
        {
            chosen = up[Random.Next(up.Length)];
            ConfState configuration = chosen.Core!.State.Configuration;
            if (chosen.Core.State.Leader != 0 && (configuration.Voters.Contains(chosen.Id) || configuration.Learners.Contains(chosen.Id)))
                break;
        }

        return chosen;
    }

    /// <summary>How long a client waits. Without faults it is worth to wait until the member asks its leader again.</summary>
    public long Patience => _faults ? Random.Next(50_000, RequestTimeout) : 10 * RequestTimeout;

    public long NewValue() => ++_lastValue;

    /// <summary>Something has moved on: some client may have its answer.</summary>
    public void PollClients()
    {
        foreach (SimClient client in _clients)
            client.Poll();
    }

    public void MemberEnded(SimMember member)
    {
        foreach (SimClient client in _clients)
            client.MemberEnded(member);
    }

    public void Say(SimMember member, [InterpolatedStringHandlerArgument("")] ref StoryLine line)
    {
        if (_story is not null)
            Tell(member.ToString(), line.ToString());
    }

    private void Tell(string who, string what) => _story?.AppendLine($"{Schedule.Now / 1_000_000.0,10:F6} {who,-5} {what}");

    private static ulong IdOf(int number) => (ulong)number;

    private static Entry[] Founding(ulong[] ids) =>
        [.. ids.Select(static (id, i) => new Entry(EntryType.ConfChange, 1, (ulong)i + 1, ConfChangeCodec.Encode(Adding(id, learner: false))))];

    private static ConfChange Adding(ulong id, bool learner, bool promote = false) => new()
    {
        Type = learner ? ConfChangeType.AddLearnerNode : ConfChangeType.AddNode,
        NodeId = id,
        Context = MemberJson.WriteContext(new Member { Id = id, PeerUrls = [$"http://{id:x}:2380"], IsLearner = learner }, promote),
    };

    private void PlanClient(SimClient client) => Schedule.After(Random.Next(2 * Settings.ThinkTime), () =>
    {
        if (!_faults)
            return;
        client.Act();
        PlanClient(client);
    });

    private void PlanWatchers() => Schedule.After(Random.Next(60_000), () =>
    {
        foreach (SimWatcher watcher in _watchers)
        {
            if (watcher.Member is null || (_faults && Random.Next(8) == 0))
                watcher.Attach(AnyMemberForClients());
        }

        PlanWatchers();
    });
}

/// <summary>A line of the story, built only when somebody reads it.</summary>
[InterpolatedStringHandler]
internal ref struct StoryLine
{
    private DefaultInterpolatedStringHandler _text;

    public StoryLine(int literalLength, int formattedCount, World world, out bool wanted)
    {
        wanted = world.IsTold;
        _text = wanted ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
    }

    public void AppendLiteral(string text) => _text.AppendLiteral(text);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public void AppendFormatted<T>(T value, string? format) => _text.AppendFormatted(value, format);

    public override string ToString() => _text.ToStringAndClear();
}
