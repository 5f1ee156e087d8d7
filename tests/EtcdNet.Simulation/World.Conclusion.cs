using EtcdNet.Raft;
using EtcdNet.Raft.Membership;
using EtcdNet.Server.Consensus;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Testing.Simulated;

namespace EtcdNet.Simulation;

/// <content>The end: faults are over, everybody agrees, everything that was promised is there.</content>
internal sealed partial class World
{
    private const long RecoveryTime = 60_000_000;
    private const long CheckInterval = 20_000;
    private const long PauseOfTheRemoved = 2_000_000;

    private void Recover()
    {
        _faults = false;
        Network.Calm();
        Tell("net", "the faults are over");
        foreach (SimMember member in _members.ToArray())
        {
            (member.DiskDelay, member.DiskStalledUntil, member.PausedUntil) = (0, 0, 0);
            member.Clock.Rate = 1;
            member.Disk.BeforeChange = null;
            // One that was removed and has ended may be the only one that knows the removal to be committed.
            if (!member.IsUp)
                member.Start();
        }

        long end = Schedule.Now + RecoveryTime;
        RunUntil(() => _clients.TrueForAll(static client => !client.IsWaiting) && Leader() is { } leader && Agrees(leader), end, "agree");
        MoveWatchers();
        ServeEverybody(end);
        RunUntil(() => Leader() is { } leader && Agrees(leader) && Members(leader).All(IsCompacted), end, "agree in the end");
        // A change that was asked for while there were faults may have removed another one meanwhile.
        MoveWatchers();
    }

    /// <summary>A member that was removed, and does not know it or stands still, tells its watchers nothing any more.</summary>
    private void MoveWatchers()
    {
        foreach (SimWatcher watcher in _watchers)
        {
            if (watcher.Member is not { } at || !Members(Leader()!).Contains(at))
                watcher.Attach(Leader());
        }
    }

    /// <summary>
    /// A member that was removed and has ended may be the only one that knows its removal to be committed. While there are
    /// faults that is their luck; afterwards it is started again until the others know as well.
    /// </summary>
    public void OnLeft(SimMember member)
    {
        if (_faults)
            return;
        Schedule.After(PauseOfTheRemoved, () =>
        {
            if (!member.IsUp)
                member.Start();
        });
    }

    /// <summary>Every member takes a write, and every key is read at some member.</summary>
    private void ServeEverybody(long end)
    {
        SimMember[] members = [.. Members(Leader()!)];
        foreach (SimMember member in members)
            Ask(member, Random.Next(Settings.Keys), RegisterAction.Write, NewValue(), end);
        for (int key = 0; key < Settings.Keys; key++)
            Ask(members[Random.Next(members.Length)], key, RegisterAction.Read, 0, end);
    }

    private void Ask(SimMember member, int key, RegisterAction action, long value, long end)
    {
        SimClient client = _clients[Random.Next(_clients.Count)];
        int answered = Answered;
        // A member that was removed and does not know it yet may still bring about an election or two.
        for (int attempt = 0; Answered == answered; attempt++)
        {
            // A change that was asked for earlier may still remove it.
            if (!member.IsUp || (Leader() is { } leader && !Members(leader).Contains(member)))
                return;
            client.Begin(member, key, action, attempt > 0 && value != 0 ? NewValue() : value);
            RunUntil(() => !client.IsWaiting, end, $"answer {client.Name} at {member}");
        }
    }

    private void RunUntil(Func<bool> condition, long end, string what)
    {
        while (!condition())
        {
            if (Schedule.Now >= end)
                throw new SimulationFailure($"liveness: the members do not {what}: {Picture()}");
            long until = Schedule.Now + CheckInterval;
            while (Schedule.Step(until))
            {
                // Until the next look.
            }

            LeaveJoint();
        }
    }

    private void LeaveJoint()
    {
        if (Leader() is { } leader && leader.Core!.State.Configuration is { VotersOutgoing.Count: > 0, AutoLeave: false } && Random.Next(10) == 0)
            Propose(leader, new ConfChangeV2(), "leave the joint configuration");
    }

    /// <summary>The one that leads the newest term, if nobody else believes to lead.</summary>
    private SimMember? Leader()
    {
        SimMember[] leaders = [.. _members.Where(static member => member.IsUp && member.Node.Role == RaftRole.Leader)];
        return leaders.Length == 1 ? leaders[0] : null;
    }

    private IEnumerable<SimMember> Members(SimMember leader)
    {
        ConfState configuration = leader.Core!.State.Configuration;
        return configuration.Voters.Concat(configuration.VotersOutgoing).Concat(configuration.Learners).Distinct().Select(id => Find(id)!);
    }

    private bool Agrees(SimMember leader)
    {
        ConfState configuration = leader.Core!.State.Configuration;
        if (configuration.VotersOutgoing.Count > 0 || !configuration.Voters.Contains(leader.Id))
            return false;
        ulong last = leader.Node.LastIndex;
        return Members(leader).All(member => member.IsUp && member.Core!.State.Leader == leader.Id && member.Node.LastIndex == last
            && member.Machine.ConsistentIndex == last && member.Node.AppliedIndex == last && member.Core.State.Configuration.Equals(configuration));
    }

    private static bool IsCompacted(SimMember member) => !member.Machine.Compactor.HasWork;

    private void Conclude()
    {
        SimMember leader = Leader()!;
        foreach (SimMember member in Members(leader))
            CheckLog(member, leader);
        CheckReference(leader);
        for (int key = 0; key < Settings.Keys; key++)
        {
            if (!RegisterHistory.IsLinearizable(Histories[key]))
            {
                string shown = string.Join("\n  ", RegisterHistory.Shorten(Histories[key]).TakeLast(30));
                throw new SimulationFailure($"linearizability: the history of k{key} has no order:\n  {shown}");
            }
        }

        Tell("end", $"{Oracle.LastApplied} entries, {Oracle.Elections} elections, {Answered} operations answered, revision {leader.Machine.Store.CurrentRevision}, hash {leader.Machine.Hash():x8}");
    }

    private void CheckLog(SimMember member, SimMember leader)
    {
        if (member.Machine.Hash() != leader.Machine.Hash())
            throw new SimulationFailure($"{member} and {leader} do not end in the same state");
        RaftLog log = member.Node.Log;
        foreach (Entry entry in Oracle.AppliedEntries)
        {
            if (entry.Index >= log.FirstIndex && log.TermOrZero(entry.Index) != entry.Term)
                throw new SimulationFailure($"{member} does not end with entry {entry.Term}/{entry.Index}");
        }
    }

    /// <summary>A machine that never stopped and only got the agreed entries must be where the members are, and tells what watchers had to see.</summary>
    private void CheckReference(SimMember leader)
    {
        var events = new List<StoreEvent>();
        StateMachine.StateMachine machine = SimStore.NewMachine();
        machine.Store.WatchSink = new Recorder(events);
        var configuration = new ConfState();
        foreach (Entry entry in Oracle.AppliedEntries)
            Apply(machine, entry, ref configuration);
        if (machine.Hash() != leader.Machine.Hash())
            throw new SimulationFailure($"{leader} is not where the agreed entries lead");
        foreach (StoreEvent happened in events)
        {
            if (long.TryParse(happened.KeyValue.Value.ToStringUtf8(), out long value) && RefusedValues.Contains(value))
                throw new SimulationFailure($"value {value} was refused, and is there at revision {happened.Revision}");
        }

        foreach (SimWatcher watcher in _watchers)
            watcher.Check(events);
    }

    private static void Apply(StateMachine.StateMachine machine, in Entry entry, ref ConfState configuration)
    {
        if (entry.Type == EntryType.Normal && entry.Data.IsEmpty)
        {
            machine.ApplyEmpty(entry.Index, entry.Term);
            return;
        }

        if (entry.Type == EntryType.Normal)
        {
            machine.Apply(entry.Index, entry.Term, InternalRaftRequest.Parser.ParseFrom(entry.Data.Span));
            return;
        }

        ConfChangeV2 change = ConfChangeCodec.DecodeEntry(entry)!;
        IReadOnlyList<Protocol.Raftpb.ConfChange> changes = entry.Type == EntryType.ConfChangeV2
            ? MemberChanges.Of(change) : [Protocol.Raftpb.ConfChange.Parser.ParseFrom(entry.Data.Span)];
        if (machine.Members.Judge(changes) is not null)
            change = new ConfChangeV2 { Changes = [new ConfChangeSingle(ConfChangeType.UpdateNode, 0)] };
        configuration = ConfStateChange.After(configuration, change);
        machine.ApplyConfChange(entry.Index, entry.Term, changes, ConfStateCodec.Encode(configuration));
    }

    private string Picture() => string.Concat(_members.Select(member => member.IsUp
        ? $"\n  {member}: {member.Node.Role} term {member.Node.Term} leader {NameOf(member.Node.Leader)} log {member.Node.Log.FirstIndex}–{member.Node.LastIndex} committed {member.Node.CommitIndex} applied {member.Machine.ConsistentIndex}/{member.Node.AppliedIndex} {Describe.ConfState(member.Core!.State.Configuration)}"
        : $"\n  {member}: down"));

    private sealed class Recorder(List<StoreEvent> events) : IWatchSink
    {
        public void OnEvents(long revision, IReadOnlyList<StoreEvent> happened) => events.AddRange(happened);
    }
}
