using EtcdNet.Simulation.Mutations;

namespace EtcdNet.Simulation.Tests;

/// <summary>The simulation notices deliberate bugs. These are the ones that few seeds suffice for; --mutations tries all.</summary>
public sealed class MutationTests
{
    [Theory]
    [InlineData("term-not-stored")]
    [InlineData("ack-before-sync")]
    [InlineData("count-unsynced")]
    [InlineData("commit-minority")]
    [InlineData("configuration-twice")]
    [InlineData("vote-for-any-log")]
    [InlineData("append-unchecked")]
    [InlineData("heartbeat-commit")]
    [InlineData("read-without-quorum")]
    [InlineData("read-before-applied")]
    [InlineData("answer-before-commit")]
    [InlineData("proposal-doubled")]
    [InlineData("snapshot-not-durable")]
    [InlineData("release-too-much")]
    [InlineData("trim-under-raft")]
    [InlineData("watch-misses-snapshot")]
    public void A_bug_is_noticed(string name) =>
        Assert.NotNull(MutationTable.FirstToNotice(MutationTable.Find(name), Runs.DefaultLength, seedsMax: 300));

    [Fact]
    public void Each_bug_has_a_name_of_its_own()
    {
        Assert.Equal(MutationTable.All.Count, MutationTable.All.Select(static mutation => mutation.Name).Distinct().Count());
        Assert.All(MutationTable.All, static mutation => Assert.NotEmpty(mutation.What));
        Assert.True(MutationTable.All.Count >= 12);
    }
}
