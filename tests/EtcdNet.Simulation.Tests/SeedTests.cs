namespace EtcdNet.Simulation.Tests;

/// <summary>The same seeds in every run, so that a failure is never a matter of luck. More: dotnet run --project tests/EtcdNet.Simulation -- --seeds N.</summary>
public sealed class SeedTests
{
    [Theory]
    [InlineData(1, 500)]
    [InlineData(501, 500)]
    [InlineData(1001, 500)]
    [InlineData(1501, 500)]
    public void Promises_are_kept_under_faults_and_all_agree_afterwards(int from, int count) =>
        Assert.Empty(Runs.Many(from, count, Runs.DefaultLength));

    [Fact]
    public void A_long_run_keeps_its_promises() => Assert.Null(Runs.Run(4711, 10 * Runs.DefaultLength));

    [Theory]
    [InlineData(7)]
    [InlineData(131)]
    [InlineData(2233)]
    public void The_same_seed_tells_the_same_story_twice(int seed)
    {
        string first = Tell(seed);
        Assert.Equal(first, Tell(seed));
        Assert.Contains("leads term", first, StringComparison.Ordinal);
        Assert.Contains("the faults are over", first, StringComparison.Ordinal);
    }

    [Fact]
    public void Different_seeds_tell_different_stories() => Assert.NotEqual(Tell(1), Tell(2));

    [Fact]
    public void The_worlds_are_not_all_alike()
    {
        SimSettings[] drawn = [.. Enumerable.Range(1, 300).Select(static seed => SimSettings.Draw(seed, new Random(seed)))];
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], drawn.Select(static settings => settings.Members).Distinct().Order());
        Assert.Contains(drawn, static settings => !settings.PreVote);
        Assert.Contains(drawn, static settings => settings.Malice > 0.5);
        Assert.Contains(drawn, static settings => settings.MessageBytesMax == 1);
    }

    [Fact]
    public void Everything_that_can_happen_does_happen()
    {
        string stories = string.Concat(Enumerable.Range(1, 60).Select(Tell));
        string[] wanted =
        [
            "loses power (LoseSectors)", "loses power (LoseAll)", "is killed", "is cut around", "carries nothing to", "carries only some",
            "goes on from a snapshot", "makes a checkpoint", "is asked to hand over", "is asked to compact", "add learner", "promote", "is asked to remove",
            "VotersOutgoing:[1", "JointExplicit", "JointImplicit", "leave the joint configuration", "has applied its removal", "has left the cluster",
            "has a clock of rate", "does not run for", "has a disk that hangs", "has a disk that takes", "refused", "lost", "swap",
        ];
        Assert.All(wanted, what => Assert.Contains(what, stories, StringComparison.Ordinal));
    }

    private static string Tell(int seed)
    {
        using var story = new StringWriter();
        Assert.Equal(0, Runs.Tell(seed, Runs.DefaultLength, story));
        return story.ToString();
    }
}
