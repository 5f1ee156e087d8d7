using System.Diagnostics;

namespace EtcdNet.Grpc.Tests;

internal static class Eventually
{
    /// <summary>Waits until a condition holds; fails with its name when it does not within half a minute.</summary>
    public static async Task TrueAsync(Func<bool> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        while (!condition())
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), "never happened: " + what);
            await timer.WaitForNextTickAsync();
        }
    }

    /// <summary>A deadline for a task that should end soon.</summary>
    public static Task<T> InTimeAsync<T>(this Task<T> task) => task.WaitAsync(TimeSpan.FromSeconds(30));
}
