using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.WriteAhead;
using EtcdNet.Testing;
using EtcdNet.Testing.Simulated;
using Serilog.Core;

namespace EtcdNet.Simulation;

/// <summary>
/// One machine with a member on it: the real loop, log writer and applier, each run by events of the world. It can lose its
/// power at any moment and at any operation on its disk; then only what its disk holds is left.
/// </summary>
internal sealed class SimMember
{
    private const int DiskTime = 300;
    private readonly World _world;
    private readonly WalOptions _walOptions;
    private TornWrites _plannedTorn;
    private readonly bool[] _planned = new bool[3];

    public SimMember(World world, int number, ulong id, IReadOnlyList<Entry> founding)
    {
        (_world, Number, Id) = (world, number, id);
        Clock = new SimClock(world.Schedule);
        _walOptions = new WalOptions
        {
            SegmentBytes = world.Settings.SegmentBytes, PrepareAhead = false, UnsafeNoSync = world.Mutation.ForgetsToSync,
        };
        SimStore.Create(Disk, new WalMetadata(id, World.ClusterId), _walOptions, founding);
    }

    /// <summary>For the story: m1, m2, …</summary>
    public int Number { get; }

    public ulong Id { get; }

    public SimDisk Disk { get; } = new();

    public SimClock Clock { get; }

    /// <summary>Null while it is down.</summary>
    public MemberCore? Core { get; private set; }

    public SimStore Store { get; private set; } = null!;

    public SimWatchSink Watchers { get; private set; } = null!;

    /// <summary>Counts the starts: events of an earlier life mean nothing.</summary>
    public int Life { get; private set; }

    public bool IsUp => Core is not null;

    /// <summary>It was told that it is no member any more, and has ended.</summary>
    public bool HasLeft { get; private set; }

    public RaftNode Node => Core!.Loop.Node;

    public StateMachine.StateMachine Machine => Store.Machine;

    /// <summary>Extra microseconds of each write.</summary>
    public int DiskDelay { get; set; }

    /// <summary>The disk answers nothing before that moment.</summary>
    public long DiskStalledUntil { get; set; }

    /// <summary>The process does not run before that moment.</summary>
    public long PausedUntil { get; set; }

    public override string ToString() => $"m{Number}";

    /// <summary>Starts from what is on the disk.</summary>
    public void Start()
    {
        Life++;
        Array.Clear(_planned);
        HasLeft = false;
        Guard(Recover);
        if (!IsUp)
            return;
        _world.Say(this, $"starts: term {Node.Term}, log to {Node.LastIndex}, applied {Machine.ConsistentIndex}, {Describe.ConfState(Core!.State.Configuration)}");
        PlanTick();
        PlanLoop(0);
    }

    /// <summary>The power is gone.</summary>
    public void Crash(TornWrites torn)
    {
        Disk.Crash(_world.Random, torn);
        End();
        _world.Say(this, $"loses power ({torn})");
    }

    /// <summary>The process is gone; what it wrote stays.</summary>
    public void Kill()
    {
        Disk.BeforeChange = null;
        End();
        _world.Say(this, $"is killed");
    }

    /// <summary>Lets the power fail at a later operation on the disk: before that one is done.</summary>
    public void CrashAtDiskOperation(int countdown, TornWrites torn)
    {
        Disk.BeforeChange = (operation, path) =>
        {
            if (--countdown >= 0)
                return;
            _plannedTorn = torn;
            throw new DiskFailedException(operation, path, "power cut");
        };
    }

    /// <summary>The member ends by itself, since it was removed.</summary>
    public void Leave()
    {
        if (!IsUp)
            return;
        Disk.BeforeChange = null;
        End();
        HasLeft = true;
        _world.Say(this, $"has left the cluster");
        _world.OnLeft(this);
    }

    /// <summary>Something is in the loop's mailbox.</summary>
    public void PlanLoop(long delay) => Plan(Part.Loop, delay + _world.Random.Next(50));

    private void PlanWriter()
    {
        long delay = _world.Random.Next(DiskTime) + DiskDelay;
        Plan(Part.Writer, Math.Max(delay, DiskStalledUntil - _world.Schedule.Now));
    }

    private void PlanApplier() => Plan(Part.Applier, _world.Random.Next(300));

    private void Recover()
    {
        Store = SimStore.Open(Disk, _walOptions, _world.Mutation.ForgetsReceivedState);
        SimSettings settings = _world.Settings;
        var core = new CoreSettings
        {
            TickInterval = TimeSpan.FromMicroseconds(SimSettings.TickTime),
            ElectionTicks = settings.ElectionTicks,
            PreVote = settings.PreVote,
            CheckQuorum = settings.CheckQuorum,
            Random = new Random(_world.Random.Next()),
            FirstRequestId = (ulong)_world.Random.NextInt64(),
            Proposals = new ProposerLimits { RequestTimeout = TimeSpan.FromMicroseconds(World.RequestTimeout) },
            MessageBytesMax = settings.MessageBytesMax,
            InflightMessagesMax = settings.InflightMessagesMax,
            UncommittedBytesMax = settings.UncommittedBytesMax,
            SlowApply = TimeSpan.MaxValue,
        };
        var parts = new CoreParts(Store.Wal, Store.Entries, Store.Machine, ConfStateCodec.Decode(Store.Machine.ConfState), Store);
        Core = new MemberCore(parts, core, made => new SimHousekeeping(this, made, _world), Clock, Logger.None);
        Core.Loop.AppendWork = OnAppend;
        Core.Loop.ApplyWork = OnApply;
        Core.Loop.Transport = new SimTransport(_world, this);
        Core.Writer.Install = state =>
        {
            Core.Applier.Install(state);
            PlanApplier();
        };
        Core.LeaderChanged = change => _world.Say(this, $"sees leader {_world.NameOf(change.Leader)} of term {change.Term}");
        Core.Applier.Removed = () => PlanLeaving("has applied its removal");
        Core.Applier.StateReplaced = OnStateReplaced;
        Watchers = new SimWatchSink(this);
        Store.Machine.Store.WatchSink = Watchers;
        _world.Mutation.OnStart(this);
    }

    /// <summary>It goes on for a while, so that the others may hear from it that the change is committed.</summary>
    public void PlanLeaving(string why)
    {
        _world.Say(this, $"{why} and will leave");
        int life = Life;
        _world.Schedule.After(100 * SimSettings.TickTime, () =>
        {
            if (life == Life)
                Leave();
        });
    }

    private void OnStateReplaced()
    {
        _world.Say(this, $"goes on from a snapshot at entry {Machine.ConsistentIndex}");
        if (!_world.Mutation.ForgetsWatchersOfSnapshot)
            Watchers.OnRestored();
    }

    private void OnAppend(Message message)
    {
        _world.Oracle.Written(this, message);
        if (message.Vote != 0 && message.Entries.Count == 0)
            _world.Tempt(this);
        message = _world.Mutation.OnAppend(this, message);
        Core!.Writer.Append(message);
        PlanWriter();
    }

    private void OnApply(Message message)
    {
        _world.Oracle.Applied(this, message.Entries);
        _world.Mutation.OnApply(this, message.Entries);
        Core!.Applier.Apply(message);
        PlanApplier();
    }

    private void RunLoop()
    {
        if (!Guard(() => Core!.Loop.RunOnce()))
            return;
        _world.Mutation.AfterLoop(this);
        if (!Guard(DrainAfterMutation))
            return;
        _world.Oracle.Observe(this);
        _world.PollClients();
    }

    private void DrainAfterMutation()
    {
        if (Node.HasReady)
            Core!.Loop.RunOnce();
    }

    private void RunWriter()
    {
        if (!Guard(() => Core!.Writer.RunOnce()))
            return;
        PlanLoop(0);
        _world.PollClients();
    }

    private void RunApplier()
    {
        if (!Guard(() => Core!.Applier.RunOnce()))
            return;
        _world.Oracle.CompareState(this);
        _world.PollClients();
        if (Core!.Housekeeping.HasWork)
            PlanApplier();
        // That something was applied may also wait for the loop's next turn.
        if (_world.Random.Next(3) != 0)
            PlanLoop(0);
    }

    private void PlanTick()
    {
        int life = Life;
        long delay = (long)(SimSettings.TickTime / Clock.Rate) + _world.Random.Next(200);
        _world.Schedule.After(delay, () =>
        {
            if (life != Life || !IsUp)
                return;
            PlanLoop(0);
            PlanApplier();
            PlanTick();
        });
    }

    private void Plan(Part part, long delay)
    {
        if (_planned[(int)part] || !IsUp)
            return;
        _planned[(int)part] = true;
        int life = Life;
        _world.Schedule.After(Math.Max(delay, PausedUntil - _world.Schedule.Now), () => RunPlanned(life, part));
    }

    private void RunPlanned(int life, Part part)
    {
        if (life != Life || !IsUp)
            return;
        if (PausedUntil > _world.Schedule.Now)
        {
            _world.Schedule.After(PausedUntil - _world.Schedule.Now, () => RunPlanned(life, part));
            return;
        }

        _planned[(int)part] = false;
        switch (part)
        {
            case Part.Loop:
                RunLoop();
                break;
            case Part.Writer:
                RunWriter();
                break;
            default:
                RunApplier();
                break;
        }
    }

    /// <summary>Runs a part of the member. A planned power cut ends it; any other error is a bug.</summary>
    private bool Guard(Action part)
    {
        try
        {
            part();
            return true;
        }
        catch (DiskFailedException)
        {
            Crash(_plannedTorn);
            return false;
        }
        catch (Exception e) when (e is not SimulationFailure)
        {
            throw new SimulationFailure($"{this} cannot go on: {e.GetType().Name}: {e.Message}{(_world.IsTold ? $"\n{e.StackTrace}" : "")}");
        }
    }

    private enum Part
    {
        Loop,
        Writer,
        Applier,
    }

    private void End()
    {
        Core = null;
        Life++;
        (DiskDelay, DiskStalledUntil, PausedUntil) = (0, 0, 0);
        _world.MemberEnded(this);
    }
}
