using System.Diagnostics.CodeAnalysis;

namespace EtcdNet.Server.Watching;

/// <summary>
/// Lets only so many streams take a step of catching up at a time. When a hundred of them read and write as fast as they can, everybody else's
/// requests stand in line behind them for a thread; so these wait here, where they hold none. A client that is slow to take what was written loses
/// its turn but not its step.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A SemaphoreSlim whose wait handle is never asked for holds nothing.")]
internal sealed class CatchUpTurns(int turns)
{
    /// <summary>After this time a step does not count any more: it waits for its client.</summary>
    private static readonly TimeSpan _longest = TimeSpan.FromMilliseconds(10);

    private readonly SemaphoreSlim _free = new(turns);

    /// <summary>Takes a step in its turn, and waits for its end.</summary>
    public async ValueTask TakeAsync(Func<ValueTask> step, CancellationToken cancellation)
    {
        await _free.WaitAsync(cancellation);
        Task taking;
        try
        {
            ValueTask begun = step();
            if (begun.IsCompleted)
            {
                await begun;
                return;
            }
            taking = begun.AsTask();
            await taking.WaitAsync(_longest, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            _free.Release();
        }
        await taking;
    }
}
