namespace EtcdNet.Testing.Simulated;

/// <summary>One machine's clock in a simulated world: it may run fast or slow, and its wall time may be wrong. It never goes back while the machine runs.</summary>
public sealed class SimClock(SimSchedule world) : TimeProvider
{
    private static readonly DateTimeOffset s_begin = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private double _rate = 1;
    private long _anchor;
    private long _atAnchor;

    /// <inheritdoc/>
    public override long TimestampFrequency => 1_000_000;

    /// <summary>Local microseconds per real one.</summary>
    public double Rate
    {
        get => _rate;
        set
        {
            (_atAnchor, _anchor) = (GetTimestamp(), world.Now);
            _rate = value;
        }
    }

    /// <summary>Error of the wall clock.</summary>
    public TimeSpan WallError { get; set; }

    /// <inheritdoc/>
    public override long GetTimestamp() => _atAnchor + (long)((world.Now - _anchor) * _rate);

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => s_begin + TimeSpan.FromMicroseconds(world.Now) + WallError;

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        throw new NotSupportedException("nothing in a simulated member may start a timer");
}
