using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Patroni;

/// <summary>One Patroni with its PostgreSQL on 127.0.0.1. Root's tests run it as the user postgres: PostgreSQL refuses to be root. Not thread-safe.</summary>
internal sealed class PatroniMember : IAsyncDisposable
{
    /// <summary>The user of etcd that a member with a password is.</summary>
    public const string EtcdUser = "patroni";

    private static readonly string _binaries = NewestPostgres();
    private static readonly TimeSpan _killLimit = TimeSpan.FromSeconds(20);
    private static readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(10) };

    private readonly string _folder;
    private readonly string _restApi;
    private readonly int _port;
    private Command? _patroni;

    /// <summary>Writes the member's file of settings into a folder of its own below <paramref name="parent"/>; without a password it names no user.</summary>
    public PatroniMember(string name, string parent, string etcd, string? password)
    {
        Name = name;
        _folder = Path.Combine(parent, name);
        Directory.CreateDirectory(_folder);
        var ports = FreePorts.Take(2);
        _port = ports[0];
        _restApi = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{ports[1]}");
        // This Patroni asks for the members of etcd without its token, which newer etcds refuse; behind a proxy it does not ask.
        var login = password is null ? "" : $", username: {EtcdUser}, password: {password}, use_proxies: true";
        File.WriteAllText(Settings, SettingsText(etcd, login));
    }

    /// <summary>The name that Patroni and etcd know.</summary>
    public string Name { get; }

    /// <summary>Path of the file of settings, which patronictl reads too.</summary>
    public string Settings => Path.Combine(_folder, "patroni.yml");

    private string Data => Path.Combine(_folder, "data");

    private string PidFile => Path.Combine(Data, "postmaster.pid");

    /// <summary>Starts Patroni, which starts PostgreSQL when it sees fit.</summary>
    public async Task StartAsync()
    {
        var root = Environment.IsPrivilegedProcess;
        if (root)
        {
            var owned = await Command.RunAsync("chown", ["-R", "postgres:postgres", _folder]);
            Assert.True(owned.ExitCode == 0, owned.Error);
        }

        // Not runuser: it stays as the parent of what it runs, and a kill of the one is not a kill of the other.
        string[] launcher = root ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] : [];
        string[] commandLine = [.. launcher, "/usr/bin/patroni", Settings];
        var environment = new Dictionary<string, string> { ["HOME"] = _folder };
        _patroni = Command.Start(commandLine[0], commandLine[1..], environment);
    }

    /// <summary>kill -9 of Patroni, of PostgreSQL and of all its processes.</summary>
    public async Task KillAsync()
    {
        if (_patroni is null)
            return;
        var patroni = _patroni;
        _patroni = null;
        patroni.Kill();
        if (File.Exists(PidFile))
        {
            var postmaster = int.Parse(File.ReadLines(PidFile).First(), CultureInfo.InvariantCulture);
            await KillAsync([postmaster, .. ChildrenOf(postmaster)]);
        }

        await patroni.DisposeAsync();
    }

    /// <summary>
    /// Whether Patroni answers 200 for a path of its REST API: <c>/leader</c>, <c>/replica</c>, <c>/sync</c>. One that is not there does not.
    /// </summary>
    public async Task<bool> IsAsync(string path)
    {
        try
        {
            using var response = await _http.GetAsync(new Uri($"http://{_restApi}{path}"));
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }

    /// <summary>Whether it holds the leader's key and takes writes: a promotion begins with the key and ends some time later.</summary>
    public async Task<bool> LeadsAsync() =>
        await IsAsync("/leader") && await PsqlAsync("SELECT pg_is_in_recovery()") is { ExitCode: 0, Output: "f\n" };

    /// <summary>What Patroni tells of itself.</summary>
    public async Task<JsonElement> StatusAsync() =>
        JsonDocument.Parse(await _http.GetStringAsync(new Uri($"http://{_restApi}/patroni"))).RootElement;

    /// <summary>Runs a statement; gives the lines of its answer. It must succeed.</summary>
    public async Task<string[]> SqlAsync(string statement)
    {
        var result = await PsqlAsync(statement);
        Assert.True(result.ExitCode == 0, $"{Name}: {statement}: {result.Error}");
        return result.Lines;
    }

    /// <summary>The last lines of Patroni's log.</summary>
    public string LogTail()
    {
        var log = Path.Combine(_folder, "patroni.log");
        return File.Exists(log) ? string.Join('\n', File.ReadLines(log).TakeLast(60)) : "no log";
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await KillAsync();

    /// <summary>
    /// Short times: a leader that says nothing is replaced after 8 s, which two loops and two waits for etcd still fit into. Failsafe mode
    /// lets a leader go on without etcd as long as it reaches all members. What a killed process has written is in the kernel, so fsync is off.
    /// </summary>
    private string SettingsText(string etcd, string login) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""
        scope: conformance
        name: {{Name}}
        log: {dir: {{_folder}}, level: INFO}
        restapi: { listen: {{_restApi}}, connect_address: {{_restApi}} }
        etcd3: { host: {{etcd}}{{login}} }
        bootstrap:
          dcs:
            ttl: 8
            loop_wait: 1
            retry_timeout: 3
            synchronous_mode: true
            failsafe_mode: true
            postgresql: {use_pg_rewind: true}
          initdb: [encoding: UTF8, data-checksums, no-sync]
          pg_hba: [local all all trust, host all all 127.0.0.1/32 trust, host replication all 127.0.0.1/32 trust]
        postgresql:
          listen: 127.0.0.1:{{_port}}
          connect_address: 127.0.0.1:{{_port}}
          data_dir: {{Data}}
          pgpass: {{_folder}}/pgpass
          bin_dir: {{_binaries}}
          authentication: { superuser: { username: postgres }, replication: { username: replicator } }
          parameters: {unix_socket_directories: {{_folder}}, shared_buffers: 16MB, fsync: off}

        """);

    private Task<CommandResult> PsqlAsync(string statement)
    {
        var port = _port.ToString(CultureInfo.InvariantCulture);
        return Command.RunAsync($"{_binaries}/psql", ["-h", "127.0.0.1", "-p", port, "-U", "postgres", "-d", "postgres", "-XAtq", "-c", statement]);
    }

    private static string NewestPostgres() =>
        Directory.GetDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin")).Where(d => File.Exists(Path.Combine(d, "postgres"))).Order().Last();

    private static int[] ChildrenOf(int parent) =>
        [.. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(n => int.TryParse(n, out _)).Select(n => int.Parse(n!, CultureInfo.InvariantCulture))
            .Where(id => ParentOf(id) == parent)];

    private static int ParentOf(int id)
    {
        try
        {
            // "pid (name) state parent …"; the name may hold blanks and parentheses.
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static async Task KillAsync(IEnumerable<int> ids)
    {
        foreach (var id in ids)
        {
            try
            {
                using var process = Process.GetProcessById(id);
                process.Kill();
                await process.WaitForExitAsync().WaitAsync(_killLimit);
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException)
            {
                // It has ended by itself: PostgreSQL's processes do when the first of them is gone.
            }
        }
    }
}
