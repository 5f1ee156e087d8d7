using System.Diagnostics;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Cluster.Tests.Load;

/// <summary>How far the clients are. Any thread.</summary>
internal sealed class LoadProgress
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);
    private long _reads;
    private long _writes;
    private long _lastWrite = Stopwatch.GetTimestamp();
    private long _longestGap;

    /// <summary>Reads that were answered.</summary>
    public long Reads => Interlocked.Read(ref _reads);

    /// <summary>Writes that were acknowledged.</summary>
    public long Writes => Interlocked.Read(ref _writes);

    /// <summary>The longest time in which no client got a write through.</summary>
    public TimeSpan LongestGap => Stopwatch.GetElapsedTime(0, Interlocked.Read(ref _longestGap));

    /// <summary>An operation succeeded.</summary>
    public void Acknowledged(bool isWrite)
    {
        if (!isWrite)
        {
            Interlocked.Increment(ref _reads);
            return;
        }

        Interlocked.Increment(ref _writes);
        long now = Stopwatch.GetTimestamp();
        long gap = now - Interlocked.Exchange(ref _lastWrite, now);
        long longest;
        while (gap > (longest = Interlocked.Read(ref _longestGap)) && Interlocked.CompareExchange(ref _longestGap, gap, longest) != longest)
        {
        }
    }

    /// <summary>Returns when so many more writes are acknowledged: the cluster is of use to clients right now.</summary>
    /// <exception cref="TimeoutException">They were not within a minute.</exception>
    public async Task MoreWritesAsync(int count)
    {
        long wanted = Writes + count;
        await Deadline.UntilAsync(() => Task.FromResult(Writes >= wanted), _limit);
    }
}
