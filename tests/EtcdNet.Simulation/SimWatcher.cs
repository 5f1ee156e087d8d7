using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.Simulation;

/// <summary>What a member tells its watchers.</summary>
internal sealed class SimWatchSink(SimMember member) : IWatchSink
{
    private readonly List<SimWatcher> _watchers = [];

    /// <inheritdoc/>
    public void OnEvents(long revision, IReadOnlyList<StoreEvent> events)
    {
        foreach (SimWatcher watcher in _watchers)
            watcher.Take(revision, events);
    }

    /// <summary>The state was replaced: what lies between is in the history.</summary>
    public void OnRestored()
    {
        foreach (SimWatcher watcher in _watchers)
            watcher.CatchUp(member.Machine.Store);
    }

    public void Add(SimWatcher watcher)
    {
        _watchers.Add(watcher);
        watcher.CatchUp(member.Machine.Store);
    }

    public void Remove(SimWatcher watcher) => _watchers.Remove(watcher);
}

/// <summary>
/// A client that watches all keys from the beginning, at one member after the other. It must see every event once and in
/// order, except for those that were compacted away while it was behind.
/// </summary>
internal sealed class SimWatcher(int number)
{
    private readonly List<StoreEvent> _seen = [];
    private readonly List<(long From, long To)> _gaps = [];
    private readonly List<StoreEvent> _read = [];
    private SimMember? _member;
    private int _life;
    private long _next = 2;

    /// <summary>Where it watches now; null when it has to look for somebody.</summary>
    public SimMember? Member => _member is { IsUp: true } at && at.Life == _life ? at : null;

    /// <summary>Goes to a member.</summary>
    public void Attach(SimMember? member)
    {
        Member?.Watchers.Remove(this);
        _member = member;
        if (member is null)
            return;
        _life = member.Life;
        member.Watchers.Add(this);
    }

    /// <summary>Events of one revision; those that were read from the history already come again.</summary>
    public void Take(long revision, IReadOnlyList<StoreEvent> events)
    {
        if (revision < _next)
            return;
        _seen.AddRange(events);
        _next = revision + 1;
    }

    public void CatchUp(MvccStore store)
    {
        if (_next > store.CurrentRevision)
            return;
        if (_next < store.CompactRevision)
        {
            _gaps.Add((_next, store.CompactRevision - 1));
            _next = store.CompactRevision;
        }

        long to = store.CurrentRevision;
        try
        {
            using IHistoryCursor cursor = store.Open("\0"u8.ToArray(), "\0"u8.ToArray(), _next, to);
            _read.Clear();
            while (cursor.ReadNext(_read, int.MaxValue) < to)
            {
                // The cursor goes on where it stopped.
            }
        }
        catch (EtcdException e)
        {
            throw new SimulationFailure($"w{number} at {_member} cannot read revisions {_next} to {to}: {e.Message}");
        }

        _seen.AddRange(_read);
        _next = to + 1;
    }

    /// <summary>Compares what was seen with what happened.</summary>
    public void Check(IReadOnlyList<StoreEvent> all)
    {
        List<StoreEvent> expected = [.. all.Where(happened => happened.Revision.Main < _next
            && !_gaps.Exists(gap => happened.Revision.Main >= gap.From && happened.Revision.Main <= gap.To))];
        for (int i = 0; i < Math.Max(expected.Count, _seen.Count); i++)
        {
            if (i >= _seen.Count || i >= expected.Count || !Same(_seen[i], expected[i]))
                throw new SimulationFailure($"w{number} saw {Name(_seen, i)} as event {i}, but it was {Name(expected, i)}");
        }

        long last = all.Count == 0 ? 1 : all[^1].Revision.Main;
        if (_next <= last)
            throw new SimulationFailure($"w{number} at {_member} waits for revision {_next}, but there is {last}");
    }

    private static bool Same(StoreEvent a, StoreEvent b) =>
        a.Revision == b.Revision && a.Type == b.Type && a.KeyValue.Key == b.KeyValue.Key && a.KeyValue.Value == b.KeyValue.Value;

    private static string Name(List<StoreEvent> events, int i) =>
        i >= events.Count ? "nothing" : $"{events[i].Type} {events[i].KeyValue.Key.ToStringUtf8()} at {events[i].Revision}";
}
