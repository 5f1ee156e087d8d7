using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace EtcdNet.Testing.Processes;

/// <summary>Waiting for a condition of another process. It never sleeps for a fixed time: it ends when the condition holds, or says what was awaited.</summary>
public static class Deadline
{
    /// <summary>Polls <paramref name="condition"/> every 20 ms until it is true.</summary>
    /// <exception cref="TimeoutException">The condition did not hold within <paramref name="limit"/>.</exception>
    public static async Task UntilAsync(
        Func<Task<bool>> condition,
        TimeSpan limit,
        [CallerArgumentExpression(nameof(condition))] string awaited = "")
    {
        var watch = Stopwatch.StartNew();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await condition())
        {
            if (watch.Elapsed > limit)
                throw new TimeoutException($"waited {limit.TotalSeconds:0.#} s in vain for: {awaited}");
            await timer.WaitForNextTickAsync();
        }
    }
}
