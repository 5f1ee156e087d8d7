namespace EtcdNet.Testing.Simulated;

/// <summary>
/// What happens when, in a world whose time is a number: the next event is taken, and time jumps to it. Events of the same
/// moment happen in the order in which they were planned, so a run can be repeated.
/// </summary>
public sealed class SimSchedule
{
    private readonly PriorityQueue<Action, (long Time, long Order)> _events = new();
    private long _order;

    /// <summary>Microseconds since the world began.</summary>
    public long Now { get; private set; }

    /// <summary>Events so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Plans an event so many microseconds from now.</summary>
    public void After(long microseconds, Action what) => _events.Enqueue(what, (Now + Math.Max(0, microseconds), _order++));

    /// <summary>Lets the next event happen; false when there is none before <paramref name="end"/>.</summary>
    public bool Step(long end)
    {
        if (!_events.TryPeek(out Action? what, out (long Time, long Order) when) || when.Time > end)
        {
            Now = Math.Max(Now, end);
            return false;
        }

        _events.Dequeue();
        Now = when.Time;
        Steps++;
        what();
        return true;
    }
}
