using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>No command of etcdctl is forgotten: what its help lists is run by a session, by a test named here, or needs no server.</summary>
public sealed class EveryCommandTests
{
    /// <summary>Commands that end only when they are stopped, or need more than one server.</summary>
    private static readonly Dictionary<string, string> _tested = new()
    {
        ["watch"] = nameof(WatchCommandTests.Watch_runs_a_command_for_every_event),
        ["lock"] = nameof(LeaseCommandTests.What_runs_under_a_lock_runs_alone),
        ["elect"] = nameof(LeaseCommandTests.An_observer_sees_one_leader_after_the_other),
        ["make-mirror"] = nameof(ClusterCommandTests.A_mirror_leads_to_a_real_etcd_and_back),
        ["check datascale"] = nameof(ClusterCommandTests.Check_datascale_stores_what_it_wants_and_cleans_up),
        ["check perf"] = nameof(CheckPerfTests.It_writes_for_a_minute_reports_and_cleans_up),
        ["snapshot save"] = nameof(Maintenance.SnapshotTests.A_real_etcd_goes_on_from_a_snapshot),
    };

    /// <summary>Commands that speak to no server, and what they do instead.</summary>
    private static readonly Dictionary<string, string> _local = new()
    {
        ["completion bash"] = "prints a script",
        ["completion fish"] = "prints a script",
        ["completion powershell"] = "prints a script",
        ["completion zsh"] = "prints a script",
        ["help"] = "prints the help",
        ["version"] = "prints the program's version",
        ["migrate"] = "changes the files of a stopped etcd 2",
        ["snapshot restore"] = "makes a data directory of a file",
        ["snapshot status"] = "reads a file",
    };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_command_of_the_help_has_its_test(bool newer)
    {
        var program = newer ? EtcdCtlPrograms.Newer : EtcdCtlPrograms.Debian;
        var help = await Command.RunAsync(program, ["help"], environment: EtcdCtlPrograms.Environment);
        var commands = help.Output.Split("COMMANDS:\n")[1].Split("\n\n")[0].Split('\n')
            .Select(static line => line.Trim('\t').Split('\t')[0].Trim()).Where(static name => name.Length > 0).ToList();
        Assert.True(commands.Count >= 48, $"the help lists {commands.Count} commands, there must be more: {help.Output}");
        var inSessions = SessionTests.AllLines.Where(static l => !l.IsHttp).Select(l => commands.FirstOrDefault(c => IsCall(l.Command, c))).ToHashSet();
        var forgotten = commands.Where(c => !inSessions.Contains(c) && !_tested.ContainsKey(c) && !_local.ContainsKey(c));
        Assert.Empty(forgotten);
    }

    private static bool IsCall(IReadOnlyList<string> words, string command) => words.Take(command.Split(' ').Length).SequenceEqual(command.Split(' '));
}
