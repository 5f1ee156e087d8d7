using System.Runtime.CompilerServices;
using System.Runtime.Versioning;
using System.Text.Json;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Patroni;

/// <summary>Two PostgreSQL servers under Patroni that agree through one etcd server; rows are numbered from 1.</summary>
[SupportedOSPlatform("linux")]
internal sealed class PatroniCluster : IAsyncDisposable
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);
    private readonly TempDirectory _directory = new();
    private readonly PatroniMember[] _members;
    private int _rows;

    public PatroniCluster(ServerProcess etcd, string? password)
    {
        // The user postgres must pass through the folder, which only the tests' user may otherwise enter.
        File.SetUnixFileMode(_directory.Path, File.GetUnixFileMode(_directory.Path) | UnixFileMode.OtherExecute);
        _members = [new PatroniMember("anna", _directory.Path, etcd.Endpoint, password), new PatroniMember("bert", _directory.Path, etcd.Endpoint, password)];
    }

    /// <summary>Starts both and waits until one leads and the other has all that the first acknowledges.</summary>
    public async Task<(PatroniMember Leader, PatroniMember Standby)> StartAsync()
    {
        foreach (var member in _members)
            await member.StartAsync();
        PatroniMember? leader = null;
        await UntilAsync(async () => (leader = await LeaderAsync()) is not null);
        var standby = Other(leader!);
        await UntilAsync(() => standby.IsAsync("/sync"));
        await leader!.SqlAsync("CREATE TABLE rows (number int PRIMARY KEY)");
        return (leader, standby);
    }

    /// <summary>The one that is not <paramref name="member"/>.</summary>
    public PatroniMember Other(PatroniMember member) => _members.Single(m => m != member);

    /// <summary>Writes the next row; when this returns it is acknowledged.</summary>
    public async Task WriteAsync(PatroniMember leader)
    {
        await leader.SqlAsync($"INSERT INTO rows VALUES ({_rows + 1})");
        _rows++;
    }

    /// <summary>All acknowledged rows are there, and no other.</summary>
    public async Task CheckAsync(PatroniMember member) =>
        Assert.Equal(Enumerable.Range(1, _rows).Select(n => $"{n}"), await member.SqlAsync("SELECT number FROM rows ORDER BY number"));

    /// <summary>patronictl with the settings of a member; it must succeed.</summary>
    public static async Task<string> ControlAsync(PatroniMember member, params string[] arguments)
    {
        // Click, which patronictl is made with, refuses to run without an encoding.
        var environment = new Dictionary<string, string> { ["LC_ALL"] = "C.UTF-8" };
        var result = await Command.RunAsync("/usr/bin/patronictl", ["-c", member.Settings, .. arguments], environment: environment);
        Assert.True(result.ExitCode == 0, $"patronictl {string.Join(' ', arguments)}: {result.Output}{result.Error}");
        return result.Output;
    }

    /// <summary>Role and state of every member as <c>patronictl list</c> reads them from etcd, by name.</summary>
    public static async Task<string> ListAsync(PatroniMember asked)
    {
        var list = JsonDocument.Parse(await ControlAsync(asked, "list", "-f", "json")).RootElement;
        return string.Join(", ", list.EnumerateArray().Select(m => $"{m.GetProperty("Member")} {m.GetProperty("Role")} {m.GetProperty("State")}").Order());
    }

    /// <summary>Waits for a condition; in vain, the message holds what both members have logged.</summary>
    public async Task UntilAsync(Func<Task<bool>> condition, [CallerArgumentExpression(nameof(condition))] string awaited = "")
    {
        try
        {
            await Deadline.UntilAsync(condition, _limit, awaited);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException(string.Join('\n', [e.Message, .. _members.Select(m => $"{m.Name}:\n{m.LogTail()}")]), e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var member in _members)
            await member.DisposeAsync();
        _directory.Dispose();
    }

    private async Task<PatroniMember?> LeaderAsync()
    {
        foreach (var member in _members)
        {
            if (await member.LeadsAsync())
                return member;
        }

        return null;
    }
}
