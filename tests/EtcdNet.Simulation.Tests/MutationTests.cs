using EtcdNet.Simulation.Mutations;

namespace EtcdNet.Simulation.Tests;

/// <summary>The simulation notices every deliberate bug. The seeds are the same in every run.</summary>
public sealed class MutationTests
{
    public static TheoryData<string> Names => [.. MutationTable.All.Select(static mutation => mutation.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_bug_is_noticed(string name) =>
        Assert.NotNull(MutationTable.FirstToNotice(MutationTable.Find(name), Runs.DefaultLength));

    [Fact]
    public void Each_bug_has_a_name_of_its_own()
    {
        Assert.Equal(MutationTable.All.Count, MutationTable.All.Select(static mutation => mutation.Name).Distinct().Count());
        Assert.All(MutationTable.All, static mutation => Assert.NotEmpty(mutation.What));
        Assert.True(MutationTable.All.Count >= 12);
    }
}
