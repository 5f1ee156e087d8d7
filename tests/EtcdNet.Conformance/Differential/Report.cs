using Xunit.Abstractions;

namespace EtcdNet.Conformance.Differential;

/// <summary>What a run has met, for people.</summary>
internal static class Report
{
    /// <summary>Writes the outcomes by RPC, and the known differences.</summary>
    public static void Write(ITestOutputHelper output, World world)
    {
        output.WriteLine($"{world.Requests} requests, revision {world.Store.Revision}, compacted {world.Store.Compacted}");
        output.WriteLine($"{world.OracleWasStale,6} times the oracle alone refused or admitted somebody, and not when it was asked again");
        foreach ((string outcome, int times) in world.Outcomes)
            output.WriteLine($"{times,6} {outcome}");
        foreach ((KnownDifference one, int times) in world.Judge.Met)
            output.WriteLine($"{times,6} known difference {one.Name} ({one.Oracle} → {one.Since}): {(times > 0 ? one.Why : "NEVER MET")}");
    }

    /// <summary>A difference that is never met may be one no more.</summary>
    public static void AssertAllMet(World world, IEnumerable<KnownDifference> known) =>
        Assert.Empty(known.Where(one => world.Judge.Met[one] == 0).Select(static one => one.Name));
}
