using System.Collections.Concurrent;
using EtcdNet.Simulation.Mutations;

namespace EtcdNet.Simulation;

/// <summary>One run, or many.</summary>
internal static class Runs
{
    /// <summary>Length of the phase of faults, microseconds of the simulated world.</summary>
    public const long DefaultLength = 3_000_000;

    /// <summary>Null when all promises were kept, else what was broken.</summary>
    public static string? Run(int seed, long length, Mutation? mutation = null)
    {
        try
        {
            new World(seed, told: false, mutation).Run(length);
            return null;
        }
        catch (SimulationFailure failure)
        {
            return failure.Message;
        }
        catch (Exception e)
        {
            return $"the simulation itself failed: {e}";
        }
    }

    /// <summary>Writes the story of one run; 0 when all promises were kept.</summary>
    public static int Tell(int seed, long length, TextWriter output, Mutation? mutation = null)
    {
        var world = new World(seed, told: true, mutation);
        try
        {
            world.Run(length);
        }
        catch (SimulationFailure failure)
        {
            output.Write(world.Story);
            output.WriteLine($"FAILED: {failure.Message}");
            return 1;
        }

        output.Write(world.Story);
        return 0;
    }

    /// <summary>Runs seeds on all cores; the failures in order of their seeds.</summary>
    public static IReadOnlyList<(int Seed, string Failure)> Many(int from, int count, long length, Mutation? mutation = null)
    {
        var failures = new ConcurrentBag<(int Seed, string Failure)>();
        Parallel.For(from, from + count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, seed =>
        {
            if (Run(seed, length, mutation) is { } failure)
                failures.Add((seed, failure));
        });
        return [.. failures.OrderBy(static failure => failure.Seed)];
    }
}
