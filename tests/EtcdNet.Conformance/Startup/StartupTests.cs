using System.Net;
using System.Net.Sockets;
using EtcdNet.Conformance.EtcdCtl;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Startup;

/// <summary>A server that cannot start says what was wrong and ends; it never harms data that is there.</summary>
public sealed class StartupTests
{
    [Fact]
    public async Task An_unknown_flag_is_named()
    {
        var result = await RunAsync("--no-such-flag", "1");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("no-such-flag", result.Output + result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_url_of_another_scheme_is_named()
    {
        var result = await RunAsync("--listen-client-urls", "ftp://127.0.0.1:1", "--advertise-client-urls", "http://127.0.0.1:1");
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("ftp://127.0.0.1:1", result.Output + result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_name_to_listen_on_is_refused()
    {
        var result = await RunAsync("--listen-client-urls", "http://example.com:1", "--advertise-client-urls", "http://127.0.0.1:1");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("expected IP in URL for binding (http://example.com:1)", result.Output + result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_in_use_is_named_and_its_owner_goes_on()
    {
        await using var owner = await ServerProcess.StartAsync();
        using var directory = new TempDirectory();
        var port = FreePorts.Take(1)[0];
        var result = await RunAsync(
            "--data-dir", directory.At("data"), "--listen-client-urls", $"http://{owner.Endpoint}", "--advertise-client-urls", $"http://{owner.Endpoint}",
            "--listen-peer-urls", $"http://127.0.0.1:{port}", "--initial-advertise-peer-urls", $"http://127.0.0.1:{port}",
            "--initial-cluster", $"default=http://127.0.0.1:{port}");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("address already in use", result.Output + result.Error, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(owner.Endpoint, result.Output + result.Error, StringComparison.Ordinal);
        await AssertServesAsync(owner);
    }

    [Fact]
    public async Task A_file_in_place_of_the_data_directory_is_refused_and_kept()
    {
        using var directory = new TempDirectory();
        var file = directory.At("data");
        await File.WriteAllTextAsync(file, "precious");
        var result = await RunAsync(Arguments(file));
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(file, result.Output + result.Error, StringComparison.Ordinal);
        Assert.Equal("precious", await File.ReadAllTextAsync(file));
    }

    [Fact]
    public async Task The_data_directory_of_a_running_server_is_not_touched_by_a_second_one()
    {
        await using var owner = await ServerProcess.StartAsync();
        await AssertServesAsync(owner);
        await using (var second = Command.Start(owner.Target.Binary, Arguments(owner.DataDirectory)))
        {
            // EtcdNet ends; a real etcd waits for the lock for ever.
            if (owner.Target.IsEtcdNet)
            {
                var result = await second.FinishAsync(TimeSpan.FromSeconds(15));
                Assert.Equal(1, result.ExitCode);
                Assert.Contains(owner.DataDirectory, result.Output + result.Error, StringComparison.Ordinal);
            }
        }

        await AssertServesAsync(owner);
        await owner.KillAsync();
        await owner.StartAsync();
        await AssertServesAsync(owner);
    }

    [Fact]
    public async Task Data_of_a_real_etcd_stays_as_it_is()
    {
        using var directory = new TempDirectory();
        var data = directory.At("data");
        await using (var etcd = await ServerProcess.StartAsync(ServerTarget.Oracle, data))
            await AssertServesAsync(etcd);
        if (ServerTarget.UnderTest.IsEtcdNet)
        {
            var result = await RunAsync(Arguments(data));
            Assert.Equal(1, result.ExitCode);
            Assert.Contains(data, result.Output + result.Error, StringComparison.Ordinal);
        }

        await using var again = await ServerProcess.StartAsync(ServerTarget.Oracle, data);
        using var client = new EtcdClient(again.ClientUrl);
        Assert.Equal("served", (await client.RangeAsync("startup")).Answer.Kvs.Single().Value.ToStringUtf8());
    }

    [Fact]
    public async Task A_flag_that_does_nothing_yet_is_refused_and_not_ignored()
    {
        if (!ServerTarget.UnderTest.IsEtcdNet)
        {
            // A real etcd has it; it only refuses a bad value.
            var bad = await RunAsync("--discovery-srv-name");
            Assert.Equal(2, bad.ExitCode);
            return;
        }

        using var directory = new TempDirectory();
        var result = await RunAsync("--discovery", "http://127.0.0.1:1/token", "--data-dir", directory.At("data"));
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("--discovery", result.Output + result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Memory_is_locked_when_that_is_wanted_and_allowed()
    {
        if (!ServerTarget.UnderTest.IsEtcdNet)
            return; // a real etcd locks its database file only

        const int ipcLock = 14;
        var status = await File.ReadAllLinesAsync("/proc/self/status");
        var allowed = (Convert.ToUInt64(status.First(line => line.StartsWith("CapEff:", StringComparison.Ordinal)).Split('\t')[1], 16) >> ipcLock & 1) == 1;
        foreach (var flag in allowed ? ["--memory-mlock", "--experimental-memory-mlock"] : Array.Empty<string>())
        {
            await using var member = await ServerProcess.StartAsync(null, null, flag);
            Assert.True(await LockedAsync(member) > 1000);
            await AssertServesAsync(member);
        }

        await using (var member = await ServerProcess.StartAsync())
            Assert.Equal(0, await LockedAsync(member));

        // Without the capability the small limit of a user counts.
        using var directory = new TempDirectory();
        string[] command = [ServerTarget.UnderTest.Binary, "--memory-mlock", .. Arguments(directory.At("data"))];
        var refused = await Command.RunAsync("prlimit", ["--memlock=65536", .. allowed ? ["setpriv", "--bounding-set=-ipc_lock"] : Array.Empty<string>(), .. command], limit: TimeSpan.FromSeconds(60));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("--memory-mlock: memory cannot be locked: Cannot allocate memory", refused.Output + refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(directory.At("data")));

        static async Task<int> LockedAsync(ServerProcess member)
        {
            var lines = await File.ReadAllLinesAsync($"/proc/{member.Id}/status");
            return int.Parse(lines.First(line => line.StartsWith("VmLck:", StringComparison.Ordinal)).Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    [Fact]
    public async Task A_store_with_much_dead_space_is_defragmented_at_the_start()
    {
        if (!ServerTarget.UnderTest.IsEtcdNet)
            return; // a real etcd has other sizes
        // Nothing is collected by itself below 64 MiB of dead bytes.
        await using var member = await ServerProcess.StartAsync(null, null, "--experimental-bootstrap-defrag-threshold-megabytes=4");
        Assert.Contains("skipping defragmentation", member.Log, StringComparison.Ordinal);
        using var client = new EtcdClient(member.ClientUrl);
        var value = new string('v', 1 << 20);
        for (var i = 0; i < 10; i++)
            _ = (await client.PutAsync("big", value)).Answer;
        _ = (await client.PutAsync("startup", "served")).Answer;
        _ = (await client.Grpc.CallAsync<CompactionResponse>("/etcdserverpb.KV/Compact", new CompactionRequest { Revision = 11, Physical = true })).Answer;
        await member.TerminateAsync();
        await member.StartAsync();
        await Deadline.UntilAsync(() => Task.FromResult(member.LogSinceStart.Contains("defragmented; size", StringComparison.Ordinal)), TimeSpan.FromSeconds(60));
        Assert.Contains("defragmenting at the start", member.LogSinceStart, StringComparison.Ordinal);
        var size = (await client.Grpc.CallAsync<StatusResponse>("/etcdserverpb.Maintenance/Status", new StatusRequest())).Answer.DbSize;
        Assert.InRange(size, 1, 6 << 20);
        await AssertServesAsync(member);
    }

    [Fact]
    public async Task Without_a_journal_its_output_is_refused()
    {
        if (File.Exists("/run/systemd/journal/socket"))
            return; // then it works: JournalTests speak its protocol
        using var directory = new TempDirectory();
        var refused = await RunAsync(["--log-outputs", "systemd/journal", .. Arguments(directory.At("data"))]);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("can't find journal", refused.Output + refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(directory.At("data")));
    }

    [Fact]
    public async Task A_member_that_sets_its_local_address_connects_from_no_other()
    {
        if (!ServerTarget.UnderTest.IsEtcdNet)
            return; // the gate is new in 3.6

        // The member advertises an address of TEST-NET-1, which no machine has: whoever dials from it fails.
        var other = FreePorts.Take(1)[0];
        foreach (var on in new[] { false, true })
        {
            using var directory = new TempDirectory();
            using var listener = new TcpListener(IPAddress.Loopback, other);
            listener.Start();
            var place = ServerPlace.OnLoopback("m");
            await using var member = Command.Start(ServerTarget.UnderTest.Binary,
            [
                "--name", "m", "--data-dir", directory.At("data"), "--listen-client-urls", $"http://{place.Endpoint}", "--advertise-client-urls", $"http://{place.Endpoint}",
                "--listen-peer-urls", place.PeerUrl, "--initial-advertise-peer-urls", "http://192.0.2.1:2380",
                "--initial-cluster", $"m=http://192.0.2.1:2380,other=http://127.0.0.1:{other}", $"--feature-gates=SetMemberLocalAddr={on}", "--log-outputs=stdout",
            ]);
            if (on)
            {
                await ReadUntilAsync(member, "setting member local address");
                await ReadUntilAsync(member, "cannot connect from the member's local address 192.0.2.1");
                Assert.False(listener.Pending());
            }
            else
            {
                using var connection = await listener.AcceptTcpClientAsync().WaitAsync(TimeSpan.FromSeconds(60));
            }
        }
    }

    [Fact]
    public async Task A_log_directory_of_its_own_holds_what_was_acknowledged()
    {
        using var directory = new TempDirectory();
        var (data, log) = (directory.At("data"), directory.At("log"));
        await using (var member = await ServerProcess.StartAsync(dataDirectory: data, extraArguments: ["--wal-dir", log]))
        {
            await AssertServesAsync(member);
            await member.KillAsync();
            await member.StartAsync();
            using var client = new EtcdClient(member.ClientUrl);
            Assert.Equal("served", (await client.RangeAsync("startup")).Answer.Kvs.Single().Value.ToStringUtf8());
        }

        Assert.NotEmpty(Directory.GetFiles(log, "*", SearchOption.AllDirectories));
        Assert.False(Directory.Exists(Path.Combine(data, "member", "wal")));
        if (!ServerTarget.UnderTest.IsEtcdNet)
            return; // it would found a new cluster over the data
        var refused = await RunAsync(Arguments(data));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains($"--wal-dir {log}", refused.Output + refused.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, "fast-forwarding election ticks")]
    [InlineData(false, "skipping initial election tick advance")]
    public async Task The_first_election_of_a_cluster_is_shortened_unless_told_not_to(bool advance, string says)
    {
        await using var group = await ServerGroup.StartAsync(3, $"--initial-election-tick-advance={advance}");
        Assert.Contains(group, member => member.Log.Contains(says, StringComparison.Ordinal));
        Assert.DoesNotContain(group, member => member.Log.Contains(advance ? "skipping initial" : "fast-forwarding", StringComparison.Ordinal));
        await AssertServesAsync(group[0]);
    }

    private static async Task ReadUntilAsync(Command program, string text)
    {
        while (!(await program.ReadLineAsync()).Contains(text, StringComparison.Ordinal))
        {
        }
    }

    private static Task<CommandResult> RunAsync(params string[] arguments) =>
        Command.RunAsync(ServerTarget.UnderTest.Binary, arguments, limit: TimeSpan.FromSeconds(20));

    private static string[] Arguments(string data)
    {
        var ports = FreePorts.Take(2);
        var (client, peer) = ($"http://127.0.0.1:{ports[0]}", $"http://127.0.0.1:{ports[1]}");
        return
        [
            "--data-dir", data, "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", $"default={peer}",
        ];
    }

    private static async Task AssertServesAsync(ServerProcess server)
    {
        using var client = new EtcdClient(server.ClientUrl);
        _ = (await client.PutAsync("startup", "served")).Answer;
        Assert.Equal("served", (await client.RangeAsync("startup")).Answer.Kvs.Single().Value.ToStringUtf8());
    }
}
