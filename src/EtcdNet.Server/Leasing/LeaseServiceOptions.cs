namespace EtcdNet.Server.Leasing;

/// <summary>Timers of the lease service.</summary>
public sealed class LeaseServiceOptions
{
    /// <summary>How long a call waits for a leader: 5 s + 2 election timeouts. Default 7 s.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(7);

    /// <summary>Time between two looks for a leader. Default 50 ms.</summary>
    public TimeSpan LeaderPoll { get; init; } = TimeSpan.FromMilliseconds(50);
}
