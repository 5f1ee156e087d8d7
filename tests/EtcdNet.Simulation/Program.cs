using System.Diagnostics;
using EtcdNet.Simulation.Mutations;

namespace EtcdNet.Simulation;

/// <summary>
/// SEED: tells the story of one run. --seeds N [--from SEED]: many runs, in parallel; prints the seeds that fail.
/// --mutations: how many seeds it takes to notice each deliberate bug; --mutation NAME: plants one of them in what is run.
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
        bool table = false;
        Mutation mutation = Mutation.None;
        for (int i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--seeds")
                seeds = int.Parse(arguments[++i]);
            else if (arguments[i] == "--from")
                from = int.Parse(arguments[++i]);
            else if (arguments[i] == "--mutations")
                table = true;
            else if (arguments[i] == "--mutation")
                mutation = MutationTable.Find(arguments[++i]);
            else if (arguments[i] == "--steps")
                length = long.Parse(arguments[++i]);
            else
                one = int.Parse(arguments[i]);
        }

        if (table)
            return MutationTable.Print(length, Console.Out) ? 0 : 1;
        if (one is { } seed)
            return Runs.Tell(seed, length, Console.Out, mutation);
        var watch = Stopwatch.StartNew();
        IReadOnlyList<(int Seed, string Failure)> failures = Runs.Many(from, seeds ?? 200, length, mutation);
        foreach ((int failed, string failure) in failures)
            Console.WriteLine($"seed {failed}: {failure}");
        Console.WriteLine($"{seeds ?? 200} seeds from {from}, {failures.Count} failed, {watch.Elapsed.TotalSeconds:F1} s");
        return failures.Count == 0 ? 0 : 1;
    }
}
