using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Errors;
using Serilog;

namespace EtcdNet.Server.Corruption;

/// <summary>Lets the leader compare the members' data from time to time.</summary>
/// <param name="check">How.</param>
/// <param name="interval">Time between comparisons of everything; zero: none (<c>--corrupt-check-time</c>).</param>
/// <param name="compactionInterval">Time between comparisons of what was kept of compactions; zero: none (<c>--compact-hash-check-time</c>).</param>
/// <param name="status">Who leads.</param>
/// <param name="time">Clock.</param>
/// <param name="log">Log of the process.</param>
internal sealed class CorruptionMonitor(
    CorruptionCheck check, TimeSpan interval, TimeSpan compactionInterval, IConsensusStatus status, TimeProvider time, ILogger log)
{
    /// <summary>What a timer can wait for: 49 days.</summary>
    private const uint PauseMillisecondsMax = uint.MaxValue - 2;

    private readonly ILogger _log = log.ForContext<CorruptionMonitor>();

    /// <summary>Compares until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellation) => Task.WhenAll(
        EveryAsync(interval, check.CompareAsync, cancellation),
        EveryAsync(compactionInterval, check.CompareCompactionsAsync, cancellation));

    private async Task EveryAsync(TimeSpan pause, Func<CancellationToken, Task> compare, CancellationToken cancellation)
    {
        if (pause == TimeSpan.Zero)
            return;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(Math.Clamp(pause.TotalMilliseconds, 1, PauseMillisecondsMax)), time);
        while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false))
        {
            if (status.Current.IsLeader)
                await TryAsync(compare, cancellation).ConfigureAwait(false);
        }
    }

    // What fails now is tried again with the next interval.
    private async Task TryAsync(Func<CancellationToken, Task> compare, CancellationToken cancellation)
    {
        try
        {
            await compare(cancellation).ConfigureAwait(false);
        }
        catch (EtcdException error)
        {
            _log.Warning("the members' data could not be compared: {Reason:l}", error.Message);
        }
    }
}
