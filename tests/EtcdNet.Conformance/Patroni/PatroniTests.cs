using System.Runtime.Versioning;
using EtcdNet.Conformance.EtcdCtl;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Patroni;

/// <summary>
/// Patroni keeps PostgreSQL available with etcd as its memory, over the JSON gateway: leases that are kept alive, transactions that take and
/// give the leader's key, a watch that never ends. Synchronous mode: what the leader acknowledges is on the other, so nothing may be lost.
/// </summary>
[SupportedOSPlatform("linux")]
public sealed class PatroniTests
{
    /// <summary>With a password the tokens of the two are gone when etcd has died; they have to ask for others.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("secret")]
    public async Task It_elects_fails_over_switches_over_and_outlives_the_death_of_etcd(string? password)
    {
        await using var etcd = await ServerProcess.StartAsync();
        if (password is not null)
            await EnableAuthAsync(new EtcdCtlTool(etcd, EtcdCtlPrograms.Debian), password);
        await using var cluster = new PatroniCluster(etcd, password);
        var (leader, standby) = await cluster.StartAsync();
        Assert.Equal(Roles(leader, standby), await PatroniCluster.ListAsync(leader));
        await cluster.WriteAsync(leader);

        await leader.KillAsync();
        (leader, standby) = (standby, leader);
        await cluster.UntilAsync(() => leader.LeadsAsync());
        await cluster.CheckAsync(leader);
        await cluster.WriteAsync(leader);

        await standby.StartAsync();
        await cluster.UntilAsync(() => standby.IsAsync("/sync"));
        Assert.Equal(Roles(leader, standby), await PatroniCluster.ListAsync(standby));
        await cluster.WriteAsync(leader);
        await cluster.CheckAsync(standby);

        await PatroniCluster.ControlAsync(leader, "switchover", "--master", leader.Name, "--candidate", standby.Name, "--force");
        (leader, standby) = (standby, leader);
        await cluster.UntilAsync(() => leader.LeadsAsync());
        await cluster.UntilAsync(() => standby.IsAsync("/sync"));
        Assert.Equal(Roles(leader, standby), await PatroniCluster.ListAsync(leader));
        await cluster.CheckAsync(leader);
        await cluster.WriteAsync(leader);

        await EtcdDiesAndComesBackAsync(etcd, cluster, leader, standby);
    }

    /// <summary>A user that may do what Patroni's manual asks for, and no more.</summary>
    private static async Task EnableAuthAsync(EtcdCtlTool etcdctl, string password)
    {
        await etcdctl.RunAsync("user", "add", "root:root");
        await etcdctl.RunAsync("user", "grant-role", "root", "root");
        await etcdctl.RunAsync("user", "add", $"{PatroniMember.EtcdUser}:{password}");
        await etcdctl.RunAsync("role", "add", "databases");
        await etcdctl.RunAsync("role", "grant-permission", "databases", "readwrite", "/service/", "--prefix");
        await etcdctl.RunAsync("user", "grant-role", PatroniMember.EtcdUser, "databases");
        await etcdctl.RunAsync("auth", "enable");
    }

    private static async Task EtcdDiesAndComesBackAsync(ServerProcess etcd, PatroniCluster cluster, PatroniMember leader, PatroniMember standby)
    {
        var timeline = (await leader.StatusAsync()).GetProperty("timeline").GetInt32();
        await etcd.KillAsync();
        await cluster.UntilAsync(async () => (await leader.StatusAsync()).TryGetProperty("failsafe_mode_is_active", out _));
        await cluster.WriteAsync(leader);
        await etcd.StartAsync();
        await cluster.UntilAsync(async () => !(await leader.StatusAsync()).TryGetProperty("failsafe_mode_is_active", out _));
        await cluster.UntilAsync(() => standby.IsAsync("/sync"));
        Assert.Equal(Roles(leader, standby), await PatroniCluster.ListAsync(standby));
        Assert.Equal(timeline, (await leader.StatusAsync()).GetProperty("timeline").GetInt32());
        await cluster.WriteAsync(leader);
        await cluster.CheckAsync(leader);
        await cluster.CheckAsync(standby);
    }

    private static string Roles(PatroniMember leader, PatroniMember standby) =>
        string.Join(", ", new[] { $"{leader.Name} Leader running", $"{standby.Name} Sync Standby running" }.Order());
}
