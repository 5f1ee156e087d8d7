using System.Globalization;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Benchmarks.Limits;

/// <summary>
/// Very many watchers, leases, keys, large values, a long history: what each step costs a real etcd and EtcdNet in time and memory.
/// Arguments: [a scenario's word, or all] [rounds, 1] [etcdnet: only our own server].
/// </summary>
internal static class LimitsComparison
{
    private static readonly ILimitsScenario[] _all =
    [
        new WatchersScenario("watchers-prefix", connections: 10, WatchersScenario.Layout.OnePrefix),
        new WatchersScenario("watchers-keys", connections: 10, WatchersScenario.Layout.OwnKeys),
        new WatchersScenario("watchers-connections", connections: 1000, WatchersScenario.Layout.OnePrefix),
        new LeasesScenario(),
        new RangeScenario(),
        new ValuesScenario(),
        new HistoryScenario(),
    ];

    /// <summary>The words of the scenarios, for the usage line.</summary>
    public static string Words => string.Join('|', _all.Select(static scenario => scenario.Word));

    /// <summary>Runs the scenarios whose word begins with the given one and prints a table for each.</summary>
    public static async Task RunAsync(string[] args)
    {
        string word = args is ["all", ..] or [] ? "" : args[0];
        int rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1;
        ServerTarget[] targets = args is [_, _, "etcdnet"] ? [ServerTarget.EtcdNet] : [ServerTarget.Oracle, ServerTarget.EtcdNet];
        foreach (ILimitsScenario scenario in _all.Where(scenario => scenario.Word.StartsWith(word, StringComparison.Ordinal)))
        {
            var table = new LimitsTable(scenario, targets);
            for (int round = 0; round < rounds; round++)
            {
                foreach (ServerTarget target in targets)
                    table.Add(target, await RunAsync(scenario, target));
            }

            table.Print(rounds);
        }
    }

    private static async Task<LimitsRun> RunAsync(ILimitsScenario scenario, ServerTarget target)
    {
        await using ServerProcess server = await ServerProcess.StartAsync(target, null, "--quota-backend-bytes", "17179869184");
        using var run = new LimitsRun(server);
        await run.StepAsync("idle", static () => Task.CompletedTask);
        await scenario.RunAsync(run);
        return run;
    }
}
