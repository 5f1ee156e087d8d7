using EtcdNet.Testing.Simulated;

namespace EtcdNet.Testing.Histories;

/// <summary>
/// Judges what clients saw of a replicated store, in two ways that know nothing of each other: each key must be linearizable by
/// itself (<see cref="RegisterHistory"/>), and every answer must agree with the store's own history of events and with real time:
/// revisions only grow between an answer and the next question. The second way costs n log n and also judges across keys.
/// </summary>
public sealed class HistoryJudge
{
    private readonly HashSet<(string Key, long Value)> _open = [];
    private long _revision;

    /// <summary>Judges the operations that began and ended since the last call, and the events since then, in order.</summary>
    /// <exception cref="HistoryException">Something is wrong; the message names the operations.</exception>
    public void Judge(IReadOnlyList<ClientOperation> operations, IReadOnlyList<StoreEvent> events)
    {
        CheckOrder(events);
        CheckWrites(operations, events);
        CheckRealTime(operations);
        CheckReads(operations, events);
        CheckRegisters(operations);
        if (events.Count > 0)
            _revision = events[^1].Revision;
    }

    /// <summary>Each change has a place of its own. A transaction of these clients changes one key, so revisions do not repeat.</summary>
    private void CheckOrder(IReadOnlyList<StoreEvent> events)
    {
        long last = _revision;
        foreach (StoreEvent change in events)
        {
            if (change.Revision <= last)
                throw new HistoryException($"{change} comes after revision {last}");
            last = change.Revision;
        }
    }

    /// <summary>What was acknowledged is there as it was acknowledged; what is there was asked for, and happened once.</summary>
    private void CheckWrites(IReadOnlyList<ClientOperation> operations, IReadOnlyList<StoreEvent> events)
    {
        Dictionary<long, StoreEvent> byRevision = events.ToDictionary(static change => change.Revision);
        var explained = new HashSet<long>();
        foreach (ClientOperation operation in operations.Where(static operation => operation.IsWrite))
        {
            if (operation.Register.IsUnknown)
            {
                _open.Add((operation.Key, operation.Register.Value));
                continue;
            }

            if (!byRevision.TryGetValue(operation.Revision, out StoreEvent change) || change.Key != operation.Key || change.Value != operation.Register.Value)
                throw new HistoryException($"lost write: {operation} was acknowledged, the store has {(change.Key is null ? "nothing" : change)} there");
            if (!explained.Add(operation.Revision))
                throw new HistoryException($"{operation} was given a revision that another write has");
        }

        foreach (StoreEvent change in events.Where(change => !explained.Contains(change.Revision)))
        {
            // A deletion may be any of several without an answer.
            bool wanted = change.Value == 0 ? _open.Contains((change.Key, 0)) : _open.Remove((change.Key, change.Value));
            if (!wanted)
                throw new HistoryException($"nobody asked for {change}, or it happened twice");
        }
    }

    /// <summary>An answer knows of everything that was answered before it was asked for.</summary>
    private void CheckRealTime(IReadOnlyList<ClientOperation> operations)
    {
        ClientOperation[] answered = [.. operations.Where(static operation => operation is { Revision: > 0, IsSerializable: false })];
        ClientOperation[] byCall = [.. answered.OrderBy(static operation => operation.Register.Invoked)];
        ClientOperation[] byReturn = [.. answered.OrderBy(static operation => operation.Register.Returned)];
        (long highest, ClientOperation? from, int next) = (_revision, null, 0);
        foreach (ClientOperation operation in byCall)
        {
            for (; next < byReturn.Length && byReturn[next].Register.Returned < operation.Register.Invoked; next++)
            {
                if (byReturn[next].Revision > highest)
                    (highest, from) = (byReturn[next].Revision, byReturn[next]);
            }

            if (operation.Revision < highest || (operation.IsWrite && operation.Revision == highest))
                throw new HistoryException($"{operation} was asked for after {from?.ToString() ?? $"revision {highest}"} was answered, and knows nothing of it");
        }
    }

    /// <summary>A read saw what the store held at the revision that it names; a swap found what it expected.</summary>
    private static void CheckReads(IReadOnlyList<ClientOperation> operations, IReadOnlyList<StoreEvent> events)
    {
        Dictionary<string, StoreEvent[]> byKey = events.GroupBy(static change => change.Key).ToDictionary(static group => group.Key, static group => group.ToArray());
        foreach (ClientOperation operation in operations.Where(static operation => operation.Revision > 0))
        {
            if (operation.Register.Action == RegisterAction.Write)
                continue;
            bool isSwap = operation.Register.Action == RegisterAction.Swap;
            long held = ValueAt(byKey.GetValueOrDefault(operation.Key, []), isSwap ? operation.Revision - 1 : operation.Revision);
            if (held != (isSwap ? operation.Register.Expected : operation.Register.Value))
                throw new HistoryException($"wrong read: {operation}, but the store held {held}");
        }
    }

    private static void CheckRegisters(IReadOnlyList<ClientOperation> operations)
    {
        var wrong = operations.Where(static operation => !operation.IsSerializable).GroupBy(static operation => operation.Key).AsParallel()
            .Select(static group => (group.Key, Operations: group.Select(static operation => operation.Register).ToList()))
            .FirstOrDefault(static key => !RegisterHistory.IsLinearizable(key.Operations));
        if (wrong.Key is not null)
            throw new HistoryException($"{wrong.Key} is not linearizable:\n  {string.Join("\n  ", RegisterHistory.Shorten(wrong.Operations))}");
    }

    private static long ValueAt(StoreEvent[] changes, long revision)
    {
        int index = Array.BinarySearch(changes, new StoreEvent(revision, "", 0), Comparer<StoreEvent>.Create(static (a, b) => a.Revision.CompareTo(b.Revision)));
        index = index >= 0 ? index : ~index - 1;
        return index < 0 ? 0 : changes[index].Value;
    }
}
