using System.Diagnostics;

namespace EtcdNet.Simulation;

/// <summary>
/// SEED: tells the story of one run. --seeds N [--from SEED]: many runs, in parallel; prints the seeds that fail.
/// --steps MICROSECONDS: length of the phase of faults.
/// </summary>
internal static class Program
{
    public static int Main(string[] arguments)
    {
        int? seeds = null;
        int from = 1;
        int? one = null;
        long length = Runs.DefaultLength;
        for (int i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--seeds")
                seeds = int.Parse(arguments[++i]);
            else if (arguments[i] == "--from")
                from = int.Parse(arguments[++i]);
            else if (arguments[i] == "--steps")
                length = long.Parse(arguments[++i]);
            else
                one = int.Parse(arguments[i]);
        }

        if (one is { } seed)
            return Runs.Tell(seed, length, Console.Out);
        var watch = Stopwatch.StartNew();
        IReadOnlyList<(int Seed, string Failure)> failures = Runs.Many(from, seeds ?? 200, length);
        foreach ((int failed, string failure) in failures)
            Console.WriteLine($"seed {failed}: {failure}");
        Console.WriteLine($"{seeds ?? 200} seeds from {from}, {failures.Count} failed, {watch.Elapsed.TotalSeconds:F1} s");
        return failures.Count == 0 ? 0 : 1;
    }
}
