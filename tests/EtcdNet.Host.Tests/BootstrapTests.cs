using System.Net;
using System.Net.Sockets;
using System.Text;
using EtcdNet.Host.Configuration;
using EtcdNet.Server;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.Storage.WriteAhead;
using Serilog.Core;

namespace EtcdNet.Host.Tests;

/// <summary>What a member without data does when another one answers for its cluster.</summary>
public sealed class BootstrapTests : IDisposable
{
    private const string Own = "http://127.0.0.1:1";
    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"etcdnet-{Guid.NewGuid():N}");
    private readonly HttpListener _other;
    private readonly string _otherUrl;
    private string _members = "[]";
    private string _version = """{"etcdserver":"3.6.14","etcdcluster":"3.6.0"}""";

    public BootstrapTests()
    {
        (_other, _otherUrl) = Listen();
        _ = ServeAsync();
    }

    [Fact]
    public async Task A_member_joins_under_the_id_that_the_cluster_gave_it()
    {
        _members = $$"""[{"id":77,"peerURLs":["{{Own}}"]},{"id":2,"peerURLs":["{{_otherUrl}}"],"name":"other","clientURLs":["http://c"]}]""";
        Assert.Equal(new WalMetadata(77, 0xabc), (await PrepareAsync("existing")).Joins);
    }

    [Fact]
    public async Task With_the_gate_a_member_that_cannot_ask_from_the_advertised_address_does_not_start()
    {
        // TEST-NET-1: no machine has it, so that nothing can leave from it.
        const string advertised = "http://192.0.2.1:1";
        _members = $$"""[{"id":77,"peerURLs":["{{advertised}}"]},{"id":2,"peerURLs":["{{_otherUrl}}"],"name":"other","clientURLs":["http://c"]}]""";
        Assert.NotNull((await PrepareAsync("existing", advertised)).Joins);
        // A founder too: nobody would tell it that its cluster knows it already.
        foreach (string state in new[] { "existing", "new" })
        {
            SocketException refused = await Assert.ThrowsAsync<SocketException>(
                () => PrepareAsync(state, advertised, "--feature-gates=SetMemberLocalAddr=true"));
            Assert.Contains("cannot connect from the member's local address 192.0.2.1", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_founder_needs_no_answer_and_is_not_disturbed_by_one()
    {
        Assert.Null((await PrepareAsync("new")).Joins);
        _members = $$"""[{"id":2,"peerURLs":["{{_otherUrl}}"],"name":"other","clientURLs":["http://c"]}]""";
        MemberOptions founder = await PrepareAsync("new");
        Assert.Null(founder.Joins);
        Assert.Equal([[Own], [_otherUrl]], founder.InitialCluster);
    }

    [Fact]
    public async Task A_member_that_lost_its_data_does_not_come_back_under_its_old_id()
    {
        ulong self = MemberIds.OfMember([Own], "etcd-cluster");
        _members = $$"""[{"id":{{self}},"peerURLs":["{{Own}}"],"name":"me","clientURLs":["http://c"]},{"id":2,"peerURLs":["{{_otherUrl}}"]}]""";
        Assert.Contains($"member {self:x} has already been bootstrapped", await RefusedAsync("new"), StringComparison.Ordinal);
        Assert.Contains($"member {self:x} has already been bootstrapped", await RefusedAsync("existing"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Flags_that_do_not_describe_the_cluster_are_refused()
    {
        _members = $$"""[{"id":2,"peerURLs":["{{_otherUrl}}"]}]""";
        Assert.Contains("member count is unequal", await RefusedAsync("existing"), StringComparison.Ordinal);
        _members = $$"""[{"id":77,"peerURLs":["http://127.0.0.1:9"]},{"id":2,"peerURLs":["{{_otherUrl}}"]}]""";
        Assert.Contains($"unmatched member while checking PeerURLs ({Own})", await RefusedAsync("existing"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_newer_cluster_and_a_silent_one_are_refused()
    {
        _members = $$"""[{"id":77,"peerURLs":["{{Own}}"]},{"id":2,"peerURLs":["{{_otherUrl}}"]}]""";
        _version = """{"etcdserver":"3.8.0","etcdcluster":"3.8.0"}""";
        Assert.Contains("incompatible with current running cluster", await RefusedAsync("existing"), StringComparison.Ordinal);
        _members = "no json";
        Assert.Contains("cannot fetch cluster info from peer urls", await RefusedAsync("existing"), StringComparison.Ordinal);
        _other.Stop();
        Assert.Contains("cannot fetch cluster info from peer urls", await RefusedAsync("existing"), StringComparison.Ordinal);
    }

    public void Dispose() => _other.Close();

    // HttpListener cannot choose a port; one that was free a moment ago may be taken by another test process.
    private static (HttpListener Listener, string Url) Listen()
    {
        while (true)
        {
            using var free = new TcpListener(IPAddress.Loopback, 0);
            free.Start();
            string url = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}";
            free.Stop();
            var listener = new HttpListener { Prefixes = { $"{url}/" } };
            try
            {
                listener.Start();
                return (listener, url);
            }
            catch (HttpListenerException)
            {
                listener.Close();
            }
        }
    }

    private Task<MemberOptions> PrepareAsync(string state, string own = Own, params string[] more)
    {
        EtcdOptions options = Starter.Run(
            ["--name", "me", "--data-dir", _directory, "--initial-cluster", $"me={own},other={_otherUrl}", "--initial-cluster-state", state,
            "--initial-advertise-peer-urls", own, .. more]).Options;
        return new Bootstrap(options, Logger.None).PrepareAsync(CancellationToken.None);
    }

    private async Task<string> RefusedAsync(string state)
    {
        ConfigurationException refused = await Assert.ThrowsAsync<ConfigurationException>(() => PrepareAsync(state));
        Assert.False(Directory.Exists(_directory));
        return refused.Message;
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _other.GetContextAsync();
            }
            catch (Exception stopped) when (stopped is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            context.Response.Headers["X-Etcd-Cluster-ID"] = "abc";
            string? body = context.Request.Url!.AbsolutePath switch { "/members" => _members, "/version" => _version, _ => null };
            context.Response.StatusCode = body is null ? 404 : 200;
            context.Response.Close(Encoding.UTF8.GetBytes(body ?? ""), willBlock: false);
        }
    }
}
