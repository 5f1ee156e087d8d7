using System.Globalization;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Benchmarks.Limits;

/// <summary>The runs of one scenario as a Markdown table: figure of the first server, of the second one, and their ratio.</summary>
internal sealed class LimitsTable(ILimitsScenario scenario, ServerTarget[] targets)
{
    private readonly Dictionary<ServerTarget, List<LimitsRun>> _runs = targets.ToDictionary(static target => target, static _ => new List<LimitsRun>());

    /// <summary>Adds a round.</summary>
    public void Add(ServerTarget target, LimitsRun run) => _runs[target].Add(run);

    /// <summary>Prints the medians.</summary>
    public void Print(int rounds)
    {
        Console.WriteLine();
        Console.WriteLine($"### {scenario.Title}");
        Console.WriteLine();
        Console.WriteLine($"{string.Join(" / ", targets.Select(static target => target.Name))} (ratio), {rounds} rounds");
        Console.WriteLine();
        Console.WriteLine("| step | time, s | server CPU, s | resident after, MiB | of it private | peak, MiB |");
        Console.WriteLine("|---|---|---|---|---|---|");
        for (int i = 0; i < _runs[targets[0]][0].Steps.Count; i++)
        {
            Step[] steps = [.. targets.Select(target => Step.Median([.. _runs[target].Select(run => run.Steps[i])]))];
            Console.WriteLine(
                $"| {steps[0].Name} | {Cell(steps, static step => step.Seconds)} | {Cell(steps, static step => step.CpuSeconds)} " +
                $"| {Cell(steps, static step => step.ResidentMebibytes)} | {Cell(steps, static step => step.PrivateMebibytes)} " +
                $"| {Cell(steps, static step => step.PeakMebibytes)} |");
        }

        PrintFigures();
    }

    private void PrintFigures()
    {
        if (_runs[targets[0]][0].Figures.Count == 0)
            return;
        Console.WriteLine();
        Console.WriteLine("| figure | |");
        Console.WriteLine("|---|---|");
        for (int i = 0; i < _runs[targets[0]][0].Figures.Count; i++)
        {
            double[] figures = [.. targets.Select(target => Median([.. _runs[target].Select(run => run.Figures[i].Figure)]))];
            Console.WriteLine($"| {_runs[targets[0]][0].Figures[i].Name} | {Cell(figures, static figure => figure)} |");
        }
    }

    private static double Median(double[] rounds) => rounds.Order().ElementAt(rounds.Length / 2);

    private static string Cell<T>(T[] values, Func<T, double> figure)
    {
        double[] figures = [.. values.Select(figure)];
        string text = string.Join(" / ", figures.Select(static one => one.ToString(one < 100 ? "0.00" : "0", CultureInfo.InvariantCulture)));
        return figures is [> 0, _] ? $"{text} ({(figures[1] / figures[0]).ToString("0.00", CultureInfo.InvariantCulture)})" : text;
    }
}
