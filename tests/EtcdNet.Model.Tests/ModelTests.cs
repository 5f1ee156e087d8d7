using System.Globalization;
using EtcdNet.Testing;
using Xunit.Abstractions;

namespace EtcdNet.Model.Tests;

/// <summary>
/// Random requests, watchers and restarts against a list of all versions. Environment: ETCDNET_MODEL_OPERATIONS (default 200,000), ETCDNET_SEED. Millions
/// of operations: <c>dotnet run -c Release --project tests/EtcdNet.Model</c>.
/// </summary>
public sealed class ModelTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_answer_is_that_of_a_list_of_all_versions()
    {
        int operations = TestSeed.Setting("ETCDNET_MODEL_OPERATIONS", 200_000);
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}, {operations} operations");
        var run = new ModelRun(seed, operations);
        string? failure = run.Run(threads: 2);
        Assert.True(failure is null, failure);
        output.WriteLine(run.Tally.ToString());
        Assert.True(run.Tally.Revisions > operations / 8, "hardly anything was written");
        Assert.True(run.Tally.Refusals > operations / 100, "hardly anything was refused");
        Assert.True(run.Tally.Events > operations / 50, "hardly anything was watched");
        Assert.True(run.Tally.Compactions > operations / 500, "hardly anything was compacted");
        Assert.True(run.Tally.FromCheckpoint > operations / 20_000, "hardly any start found a checkpoint");
    }
}
