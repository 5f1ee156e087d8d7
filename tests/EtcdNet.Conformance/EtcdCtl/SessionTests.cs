using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>
/// Whole sessions at the terminal, against a real etcd and the server under test side by side: each command ends and prints the same on both.
/// The files in Sessions hold the commands; <see cref="SessionLine"/> describes them.
/// </summary>
public sealed class SessionTests
{
    private static readonly string _folder = Path.Combine(AppContext.BaseDirectory, "EtcdCtl", "Sessions");

    /// <summary>Every file with both programs.</summary>
    public static TheoryData<string, string> Sessions
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var file in Directory.GetFiles(_folder, "*.txt").Order())
            {
                data.Add(Path.GetFileName(file), EtcdCtlPrograms.Debian);
                if (EtcdCtlPrograms.Newer != EtcdCtlPrograms.Debian)
                    data.Add(Path.GetFileName(file), EtcdCtlPrograms.Newer);
            }

            return data;
        }
    }

    /// <summary>The lines of all files.</summary>
    internal static IEnumerable<SessionLine> AllLines => Directory.GetFiles(_folder, "*.txt").SelectMany(SessionLine.ReadAll);

    [Theory]
    [MemberData(nameof(Sessions))]
    public async Task Every_command_prints_what_it_prints_with_etcd(string file, string program)
    {
        var session = SessionLine.ReadAll(Path.Combine(_folder, file)).Where(l => !l.OnlyNewer || program == EtcdCtlPrograms.Newer).ToList();
        Assert.NotEmpty(session);
        await using var etcd = await ServerProcess.StartAsync(ServerTarget.Oracle);
        await using var server = await ServerProcess.StartAsync();
        using var http = new HttpClient();
        SessionSide there = new(etcd, program, http), here = new(server, program, http);
        await there.BeginAsync();
        await here.BeginAsync();
        var wrong = new List<string>();
        foreach (var line in session)
        {
            var expected = await there.RunAsync(line);
            if ((expected.ExitCode != 0) != line.Fails)
                wrong.Add($"{line}\n--- {etcd.Target.Name} {expected.ExitCode}: the file is wrong\n{expected.Printed}");
            var actual = await here.RunAsync(line);
            if (actual != expected)
                wrong.Add($"{line}\n--- {etcd.Target.Name} {expected.ExitCode}\n{expected.Printed}--- {server.Target.Name} {actual.ExitCode}\n{actual.Printed}");
            if (line.Expected is { } recorded && recorded != actual.Printed)
                wrong.Add($"{line}\n--- recorded\n{recorded}--- {server.Target.Name}\n{actual.Printed}");
        }

        Assert.True(wrong.Count == 0, $"{wrong.Count} answers of {file} differ:\n{string.Join('\n', wrong)}");
    }
}
