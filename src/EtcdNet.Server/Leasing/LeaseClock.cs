namespace EtcdNet.Server.Leasing;

/// <summary>Seconds and moments of a time provider, added without overflow: a TTL may be 285 years.</summary>
internal sealed class LeaseClock(TimeProvider time)
{
    private readonly long _frequency = time.TimestampFrequency;

    /// <summary>This moment.</summary>
    public long Now => time.GetTimestamp();

    /// <summary>A moment some seconds after another; at most the last moment before <see cref="TimedLease.Never"/>.</summary>
    public long After(long moment, long seconds)
    {
        const long Last = TimedLease.Never - 1;
        return seconds > (Last - moment) / _frequency ? Last : moment + (seconds * _frequency);
    }

    /// <summary>A moment some time after another.</summary>
    public long After(long moment, TimeSpan span)
    {
        double ticks = span.TotalSeconds * _frequency;
        return moment + Math.Min((long)ticks, TimedLease.Never - 1 - moment);
    }

    /// <summary>Time from one moment to another.</summary>
    public TimeSpan Between(long from, long to)
    {
        double seconds = ((double)to - from) / _frequency;
        return seconds >= TimeSpan.MaxValue.TotalSeconds ? TimeSpan.MaxValue : TimeSpan.FromSeconds(seconds);
    }
}
