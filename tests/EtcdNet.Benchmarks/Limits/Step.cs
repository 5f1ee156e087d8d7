namespace EtcdNet.Benchmarks.Limits;

/// <summary>What one step of a scenario cost the server.</summary>
/// <param name="Name">What was done.</param>
/// <param name="Seconds">From its begin to its end, the client's work included.</param>
/// <param name="CpuSeconds">User and system time of the server.</param>
/// <param name="ResidentMebibytes">Resident memory at its end.</param>
/// <param name="PrivateMebibytes">The same without mapped files.</param>
/// <param name="PeakMebibytes">Largest resident memory during the step.</param>
internal sealed record Step(string Name, double Seconds, double CpuSeconds, double ResidentMebibytes, double PrivateMebibytes, double PeakMebibytes)
{
    /// <summary>The median of each figure of the same step over several rounds.</summary>
    public static Step Median(IReadOnlyCollection<Step> rounds)
    {
        return new Step(
            rounds.First().Name, Of(static step => step.Seconds), Of(static step => step.CpuSeconds), Of(static step => step.ResidentMebibytes),
            Of(static step => step.PrivateMebibytes), Of(static step => step.PeakMebibytes));

        double Of(Func<Step, double> figure) => rounds.Select(figure).Order().ElementAt(rounds.Count / 2);
    }
}
