using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>What an operator asks a member: status, health, hash, members, alarms, compaction, backup.</summary>
public abstract class ClusterCommandTests(ServerFixture fixture, string program) : IClassFixture<ServerFixture>
{
    private readonly EtcdCtlTool _etcdctl = new(fixture.Server, program);

    [Fact]
    public async Task Endpoint_status_as_json()
    {
        // Without a key the size may be 0.
        await _etcdctl.RunAsync("put", "status", "1");
        var entry = (await _etcdctl.RunJsonAsync("endpoint", "status"))[0];
        var status = entry.GetProperty("Status");
        Assert.Equal(fixture.Server.Endpoint, entry.GetProperty("Endpoint").GetString());
        Assert.Equal(fixture.Server.Target.Version.ToString(), status.GetProperty("version").GetString());
        Assert.Equal(status.GetProperty("header").GetProperty("member_id").GetUInt64(), status.GetProperty("leader").GetUInt64());
        Assert.Equal(status.GetProperty("header").GetProperty("raft_term").GetUInt64(), status.GetProperty("raftTerm").GetUInt64());
        Assert.True(status.GetProperty("dbSize").GetInt64() > 0);
        Assert.InRange(status.GetProperty("dbSizeInUse").GetInt64(), 1, status.GetProperty("dbSize").GetInt64());
        Assert.True(status.GetProperty("raftIndex").GetUInt64() >= status.GetProperty("raftAppliedIndex").GetUInt64());
        Assert.True(status.GetProperty("raftAppliedIndex").GetUInt64() > 0);
        Assert.False(status.TryGetProperty("errors", out _));
        Assert.False(status.TryGetProperty("isLearner", out _));
    }

    [Fact]
    public async Task Endpoint_status_as_a_table()
    {
        var lines = (await TableAsync("endpoint", "status")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var names = Cells(lines[1]);
        var values = Cells(lines[3]);
        Assert.Equal(["ENDPOINT", "ID", "VERSION", "DB SIZE", "IS LEADER", "IS LEARNER", "RAFT TERM", "RAFT INDEX", "RAFT APPLIED INDEX", "ERRORS"], names);
        Assert.Equal(fixture.Server.Endpoint, values[0]);
        Assert.Equal(fixture.Server.Target.Version.ToString(), values[2]);
        Assert.Equal("true", values[4]);
        Assert.Equal("false", values[5]);
        Assert.Equal("", values[9]);

        static string[] Cells(string line) => [.. line.Trim('|').Split('|').Select(c => c.Trim())];
    }

    [Fact]
    public async Task Endpoint_health()
    {
        var result = await _etcdctl.TryAsync(null, ["endpoint", "health"]);
        Assert.Equal(0, result.ExitCode);
        Assert.StartsWith($"{fixture.Server.Endpoint} is healthy: successfully committed proposal: took = ", result.Output + result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Endpoint_hashkv_changes_with_every_write()
    {
        var before = await HashAsync();
        Assert.Equal(before, await HashAsync());
        await _etcdctl.RunAsync("put", "hash", "1");
        Assert.NotEqual(before, await HashAsync());

        async Task<uint> HashAsync() =>
            (await _etcdctl.RunJsonAsync("endpoint", "hashkv"))[0].GetProperty("HashKV").GetProperty("hash").GetUInt32();
    }

    [Fact]
    public async Task Member_list_in_its_three_shapes()
    {
        var server = fixture.Server;
        var simple = await _etcdctl.RunAsync("member", "list");
        Assert.Matches($@"^[0-9a-f]{{1,16}}, started, default, {server.PeerUrl}, http://{server.Endpoint}, false\n$", simple);
        var table = await TableAsync("member", "list");
        Assert.Matches($@"\| [0-9a-f]{{1,16}} \| started \| default \| {server.PeerUrl} \| http://{server.Endpoint} \| +false \|", table);
        var json = await _etcdctl.RunJsonAsync("member", "list");
        var member = Assert.Single(json.GetProperty("members").EnumerateArray());
        Assert.Equal("default", member.GetProperty("name").GetString());
        Assert.Equal(server.PeerUrl, member.GetProperty("peerURLs")[0].GetString());
        Assert.Equal($"http://{server.Endpoint}", member.GetProperty("clientURLs")[0].GetString());
        Assert.Equal(json.GetProperty("header").GetProperty("member_id").GetUInt64(), member.GetProperty("ID").GetUInt64());
    }

    [Fact]
    public async Task No_alarm_is_raised_and_disarming_none_is_fine()
    {
        Assert.Equal("", await _etcdctl.RunAsync("alarm", "list"));
        Assert.Equal("", await _etcdctl.RunAsync("alarm", "disarm"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Compaction_forgets_the_past_and_keeps_the_present(bool physical)
    {
        var key = $"compact/{physical}";
        await _etcdctl.RunAsync("put", key, "1");
        await _etcdctl.RunAsync("put", key, "2");
        var revision = (await _etcdctl.RunJsonAsync("get", key)).GetProperty("header").GetProperty("revision").GetInt64();
        string[] flag = physical ? ["--physical"] : [];
        Assert.Equal($"compacted revision {revision}\n", await _etcdctl.RunAsync(["compaction", $"{revision}", .. flag]));
        Assert.Equal($"{key}\n2\n", await _etcdctl.RunAsync("get", key, "--rev", $"{revision}"));
        const string Compacted = "Error: etcdserver: mvcc: required revision has been compacted\n";
        Assert.EndsWith(Compacted, await _etcdctl.RunFailingAsync("get", key, "--rev", $"{revision - 1}"), StringComparison.Ordinal);
        Assert.EndsWith(Compacted, await _etcdctl.RunFailingAsync("compaction", $"{revision}"), StringComparison.Ordinal);
        var future = await _etcdctl.RunFailingAsync("compaction", $"{revision + 1000}");
        Assert.EndsWith("Error: etcdserver: mvcc: required revision is a future revision\n", future, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Defragmentation_keeps_the_data()
    {
        await _etcdctl.RunAsync("put", "defrag", "kept");
        Assert.Equal($"Finished defragmenting etcd member[{fixture.Server.Endpoint}]\n", await _etcdctl.RunAsync("defrag"));
        Assert.Equal("defrag\nkept\n", await _etcdctl.RunAsync("get", "defrag"));
    }

    [Fact]
    public async Task Moving_the_leader_to_nobody_is_refused()
    {
        var error = await _etcdctl.RunFailingAsync("move-leader", "1");
        Assert.EndsWith("Error: etcdserver: bad leader transferee\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Make_mirror_copies_what_is_there_and_follows()
    {
        await using var destination = await ServerProcess.StartAsync();
        var mirrored = new EtcdCtlTool(destination, program);
        await _etcdctl.RunAsync("put", "mirror/a", "1");
        await using var mirror = _etcdctl.Start("make-mirror", "--prefix", "mirror/", destination.Endpoint);
        await Deadline.UntilAsync(async () => await mirrored.RunAsync("get", "mirror/a") == "mirror/a\n1\n", TimeSpan.FromSeconds(10));
        await _etcdctl.RunAsync("put", "mirror/b", "2");
        await Deadline.UntilAsync(async () => await mirrored.RunAsync("get", "mirror/b") == "mirror/b\n2\n", TimeSpan.FromSeconds(10));
        await _etcdctl.RunAsync("del", "mirror/a");
        await Deadline.UntilAsync(async () => (await mirrored.RunAsync("get", "mirror/a")).Length == 0, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_mirror_leads_to_a_real_etcd_and_back()
    {
        await using var etcd = await ServerProcess.StartAsync(ServerTarget.Oracle);
        var there = new EtcdCtlTool(etcd, program);
        await _etcdctl.RunAsync("put", "away/a", "1");
        await using var away = _etcdctl.Start("make-mirror", "--prefix", "away/", "--dest-prefix", "there/", etcd.Endpoint);
        await using var back = there.Start("make-mirror", "--prefix", "there/", "--dest-prefix", "back/", fixture.Server.Endpoint);
        await Deadline.UntilAsync(async () => await _etcdctl.RunAsync("get", "back/", "--prefix") == "back/a\n1\n", TimeSpan.FromSeconds(10));
        await _etcdctl.RunAsync("put", "away/b", "2");
        await _etcdctl.RunAsync("del", "away/a");
        await Deadline.UntilAsync(async () => await _etcdctl.RunAsync("get", "back/", "--prefix") == "back/b\n2\n", TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Check_datascale_stores_what_it_wants_and_cleans_up()
    {
        var result = await _etcdctl.TryAsync(null, ["check", "datascale", "--load", "s", "--auto-compact", "--auto-defrag"], TimeSpan.FromMinutes(2));
        Assert.Contains("PASS: Approximate system memory used : ", result.Output, StringComparison.Ordinal);
        Assert.Equal(0, result.ExitCode);
        Assert.Equal("", await _etcdctl.RunAsync("get", "/etcdctl-check-datascale/", "--prefix", "--keys-only"));
    }

    /// <summary>A table with the simple lines that the older program draws.</summary>
    private async Task<string> TableAsync(params string[] arguments) =>
        (await _etcdctl.RunAsync([.. arguments, "-w", "table"])).Replace('│', '|');

    /// <summary>With the system's program.</summary>
    public sealed class Debian(ServerFixture fixture) : ClusterCommandTests(fixture, EtcdCtlPrograms.Debian);

    /// <summary>With the newer program.</summary>
    public sealed class Newer(ServerFixture fixture) : ClusterCommandTests(fixture, EtcdCtlPrograms.Newer);
}
