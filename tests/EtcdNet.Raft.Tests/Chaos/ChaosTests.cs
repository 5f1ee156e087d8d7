using EtcdNet.Testing;

namespace EtcdNet.Raft.Tests.Chaos;

/// <summary>Raft's promises under random faults. A failing seed is printed; ETCDNET_SEED=n ETCDNET_CHAOS_RUNS=1 runs it alone.</summary>
public sealed class ChaosTests
{
    private const int Seeds = 60;

    [Fact]
    public void Promises_hold_under_faults_and_all_catch_up_afterwards()
    {
        var (first, count) = (TestSeed.Next(), TestSeed.Setting("ETCDNET_CHAOS_RUNS", Seeds));
        var (applied, reads) = (0, 0);
        for (var i = 0; i < count; i++)
        {
            var world = new ChaosWorld(first + i);
            try
            {
                world.Run(6_000);
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {first + i}: {e}");
            }

            (applied, reads) = (applied + world.AppliedEntries, reads + world.ReadsServed);
        }

        // The runs must have done something, else they prove nothing.
        Assert.True(count == 1 || applied > 5 * count, $"only {applied} entries applied in {count} runs");
        Assert.True(count == 1 || reads > count, $"only {reads} reads served in {count} runs");
    }
}
