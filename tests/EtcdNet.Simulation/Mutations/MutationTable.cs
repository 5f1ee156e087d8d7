namespace EtcdNet.Simulation.Mutations;

/// <summary>All deliberate bugs, and how many seeds it takes to notice each.</summary>
internal static class MutationTable
{
    /// <summary>More seeds than any of them needs.</summary>
    public const int SeedsMax = 2000;

    public static IReadOnlyList<Mutation> All { get; } =
    [
        new VoteForgotten(), new TermForgotten(), new AckBeforeSync(), new LeaderCountsUnsynced(), new LeadsBeforeVoteIsStored(),
        new CommitsOldTerms(), new CommitsWithMinority(), new CountsLearners(), new ForgetsJointMajority(), new AppliesConfigurationTwice(),
        new VotesForShorterLogs(), new AppendsUnchecked(), new HeartbeatsCommitTooMuch(),
        new ReadsWithoutQuorum(), new ReadsBeforeApplied(), new AnswersBeforeCommitted(), new ProposalsDoubled(),
        new SnapshotNotDurable(), new LogReleasedTooEarly(), new TrimmedUnderRaft(), new WatchersMissSnapshot(),
    ];

    public static Mutation Find(string name) =>
        All.FirstOrDefault(mutation => mutation.Name == name) ?? throw new ArgumentException($"there is no mutation {name}", nameof(name));

    /// <summary>The first seed, counted from 1, that notices the bug; null when none does.</summary>
    public static (int Seed, string Failure)? FirstToNotice(Mutation mutation, long length, int seedsMax = SeedsMax)
    {
        const int atOnce = 16;
        for (int from = 1; from <= seedsMax; from += atOnce)
        {
            if (Runs.Many(from, atOnce, length, mutation) is [var first, ..])
                return first;
        }

        return null;
    }

    /// <summary>Prints the table; true when every bug was noticed.</summary>
    public static bool Print(long length, TextWriter output)
    {
        bool all = true;
        output.WriteLine("| mutation | the bug | seeds needed | noticed as |");
        output.WriteLine("|---|---|---|---|");
        foreach (Mutation mutation in All)
        {
            (int Seed, string Failure)? found = FirstToNotice(mutation, length);
            all &= found is not null;
            output.WriteLine($"| `{mutation.Name}` | {mutation.What} | {found?.Seed.ToString() ?? "not in " + SeedsMax} | {Shorten(found?.Failure)} |");
            output.Flush();
        }

        return all;
    }

    private static string Shorten(string? failure)
    {
        string first = (failure ?? "").Split('\n')[0];
        return first.Length <= 110 ? first : first[..110] + "…";
    }
}
