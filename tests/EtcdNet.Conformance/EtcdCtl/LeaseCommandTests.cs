using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>Leases, and the lock and the election that etcdctl builds on them.</summary>
public abstract class LeaseCommandTests(ServerFixture fixture, string program) : IClassFixture<ServerFixture>
{
    private readonly EtcdCtlTool _etcdctl = new(fixture.Server, program);

    [Fact]
    public async Task A_lease_is_granted_kept_alive_listed_and_revoked_with_its_keys()
    {
        var id = await GrantAsync(600);
        await _etcdctl.RunAsync("put", "lease/b", "1", "--lease", id);
        await _etcdctl.RunAsync("put", "lease/a", "1", "--lease", id);
        Assert.Equal($"lease {id} keepalived with TTL(600)\n", await _etcdctl.RunAsync("lease", "keep-alive", "--once", id));
        Assert.Contains($"\n{id}\n", await _etcdctl.RunAsync("lease", "list"), StringComparison.Ordinal);
        // The order of the keys is not defined.
        Assert.Matches(
            $@"^lease {id} granted with TTL\(600s\), remaining\((59\d|600)s\), attached keys\(\[(lease/a lease/b|lease/b lease/a)\]\)\n$",
            await _etcdctl.RunAsync("lease", "timetolive", id, "--keys"));
        Assert.Equal($"lease {id} revoked\n", await _etcdctl.RunAsync("lease", "revoke", id));
        Assert.Equal("", await _etcdctl.RunAsync("get", "lease/", "--prefix"));
        Assert.Equal($"lease {id} already expired\n", await _etcdctl.RunAsync("lease", "timetolive", id));
        Assert.DoesNotContain(id, await _etcdctl.RunAsync("lease", "list"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_lease_cannot_be_revoked()
    {
        var error = await _etcdctl.RunFailingAsync("lease", "revoke", "123abc");
        Assert.EndsWith("Error: failed to revoke lease (etcdserver: requested lease not found)\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_expired_lease_takes_its_keys_along()
    {
        var id = await GrantAsync(1);
        await _etcdctl.RunAsync("put", "short", "1", "--lease", id);
        await using var watch = _etcdctl.Start("watch", "short");
        Assert.Equal("DELETE", await watch.ReadLineAsync());
        Assert.Equal("short", await watch.ReadLineAsync());
        Assert.Equal("", await _etcdctl.RunAsync("get", "short"));
    }

    [Fact]
    public async Task A_lease_that_is_kept_alive_does_not_expire()
    {
        var id = await GrantAsync(2);
        await _etcdctl.RunAsync("put", "kept", "1", "--lease", id);
        await using var keepAlive = _etcdctl.Start("lease", "keep-alive", id);
        // Each answer comes a third of the TTL after the last, so six of them outlive the TTL.
        for (var i = 0; i < 6; i++)
            Assert.Equal($"lease {id} keepalived with TTL(2)", await keepAlive.ReadLineAsync());
        Assert.Equal("kept\n1\n", await _etcdctl.RunAsync("get", "kept"));
    }

    [Fact]
    public async Task A_lock_is_held_by_one_and_then_by_the_next()
    {
        Assert.Equal("held\n", await _etcdctl.RunAsync("lock", "mutex", "echo", "held"));
        await using var first = _etcdctl.Start("lock", "mutex");
        var firstKey = await first.ReadLineAsync();
        Assert.StartsWith("mutex/", firstKey, StringComparison.Ordinal);
        await using var second = _etcdctl.Start("lock", "mutex");
        var contenders = () => _etcdctl.RunAsync("get", "mutex/", "--prefix", "--keys-only");
        await Deadline.UntilAsync(async () => (await contenders()).Split("mutex/").Length == 3, TimeSpan.FromSeconds(10));
        await _etcdctl.RunAsync("del", firstKey);
        var secondKey = await second.ReadLineAsync();
        Assert.StartsWith("mutex/", secondKey, StringComparison.Ordinal);
        Assert.NotEqual(firstKey, secondKey);
    }

    [Fact]
    public async Task An_election_has_one_leader_and_observers_see_it()
    {
        await using var candidate = _etcdctl.Start("elect", "office", "alice");
        var key = await candidate.ReadLineAsync();
        Assert.StartsWith("office/", key, StringComparison.Ordinal);
        Assert.Equal("alice", await candidate.ReadLineAsync());
        await using var observer = _etcdctl.Start("elect", "office", "--listen");
        Assert.Equal(key, await observer.ReadLineAsync());
        Assert.Equal("alice", await observer.ReadLineAsync());
    }

    [Fact]
    public async Task What_runs_under_a_lock_runs_alone()
    {
        // Who finds another inside leaves a trace.
        var etcdctl = $"{_etcdctl.Program} --endpoints {fixture.Server.Endpoint}";
        var body = $"""
            printf 'create("alone/inside") = "0"\n\nput alone/inside x\n\nput alone/trace x\n\n' | {etcdctl} txn >/dev/null
            {etcdctl} del alone/inside >/dev/null
            echo "$ETCD_LOCK_KEY"
            """;
        var contenders = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _etcdctl.RunAsync("lock", "alone/lock", "--", "sh", "-c", body)));
        Assert.All(contenders, output => Assert.Matches("^alone/lock/[0-9a-f]+\n$", output));
        Assert.Equal(4, contenders.Distinct().Count());
        Assert.Equal("", await _etcdctl.RunAsync("get", "alone/", "--prefix"));
    }

    [Fact]
    public async Task An_observer_sees_one_leader_after_the_other()
    {
        await using var alice = _etcdctl.Start("elect", "chair", "alice");
        var key = await alice.ReadLineAsync();
        await using var observer = _etcdctl.Start("elect", "chair", "-l");
        Assert.Equal(key, await observer.ReadLineAsync());
        Assert.Equal("alice", await observer.ReadLineAsync());
        await using var bob = _etcdctl.Start("elect", "chair", "bob");
        await Deadline.UntilAsync(async () => (await _etcdctl.RunAsync("get", "chair/", "--prefix", "--keys-only")).Split("chair/").Length == 3, TimeSpan.FromSeconds(10));
        await _etcdctl.RunAsync("del", key);
        var next = await bob.ReadLineAsync();
        Assert.NotEqual(key, next);
        Assert.Equal("bob", await bob.ReadLineAsync());
        Assert.Equal(next, await observer.ReadLineAsync());
        Assert.Equal("bob", await observer.ReadLineAsync());
    }

    private async Task<string> GrantAsync(int seconds)
    {
        var output = await _etcdctl.RunAsync("lease", "grant", $"{seconds}");
        // A TTL below the smallest one is raised: three ticks of election timeout, so 2 s by default.
        Assert.Matches($@"^lease [0-9a-f]{{16}} granted with TTL\({Math.Max(seconds, 2)}s\)\n$", output);
        return output.Split(' ')[1];
    }

    /// <summary>With the system's program.</summary>
    public sealed class Debian(ServerFixture fixture) : LeaseCommandTests(fixture, EtcdCtlPrograms.Debian);

    /// <summary>With the newer program.</summary>
    public sealed class Newer(ServerFixture fixture) : LeaseCommandTests(fixture, EtcdCtlPrograms.Newer);
}
