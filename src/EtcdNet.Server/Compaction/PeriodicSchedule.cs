namespace EtcdNet.Server.Compaction;

/// <summary>
/// Keeps the history of a span of time (<c>--auto-compaction-mode periodic</c>, surface rule 20). Revisions are noted each
/// tenth of the span, at most each six minutes; the first compaction is due after one span, the following ones after each
/// span or, when it is longer, each hour. Members that do not lead note revisions too, so that a new leader goes on.
/// </summary>
internal sealed class PeriodicSchedule : ICompactionSchedule
{
    private const int StepsPerInterval = 10;
    private static readonly TimeSpan s_intervalMax = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_stepMin = TimeSpan.FromMilliseconds(10);

    private readonly Queue<long> _revisions = new();
    private readonly int _revisionsMax;
    private TimeSpan _wait;
    private TimeSpan _lastDone;
    private long _lastCompacted;

    /// <param name="span">How much history to keep; more than 0.</param>
    /// <param name="revision">Current revision.</param>
    public PeriodicSchedule(TimeSpan span, long revision)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(span, TimeSpan.Zero);
        TimeSpan interval = span < s_intervalMax ? span : s_intervalMax;
        Interval = interval / StepsPerInterval < s_stepMin ? s_stepMin : interval / StepsPerInterval;
        _revisionsMax = checked((int)(span / Interval) + 1);
        _wait = span;
        AfterFirst = interval;
        _revisions.Enqueue(revision);
    }

    /// <inheritdoc/>
    public TimeSpan Interval { get; }

    private TimeSpan AfterFirst { get; }

    /// <inheritdoc/>
    public long? Due(TimeSpan elapsed, long revision, bool leads)
    {
        long oldest = _revisions.Peek();
        _revisions.Enqueue(revision);
        if (_revisions.Count > _revisionsMax)
            _revisions.Dequeue();
        if (!leads || elapsed - _lastDone < _wait || oldest == _lastCompacted)
            return null;
        _wait = AfterFirst;
        return oldest;
    }

    /// <inheritdoc/>
    public void Done(long compacted, TimeSpan elapsed) => (_lastCompacted, _lastDone) = (compacted, elapsed);
}
