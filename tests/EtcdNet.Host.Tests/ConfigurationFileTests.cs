using EtcdNet.Host.Configuration;
using Serilog;

namespace EtcdNet.Host.Tests;

public sealed class ConfigurationFileTests
{
    private const string Pigsty = """
        name: etcd-1
        data-dir: /data/etcd
        initial-cluster-state: new
        initial-cluster-token: etcd
        initial-cluster: etcd-1=https://10.10.10.10:2380
        initial-advertise-peer-urls: https://10.10.10.10:2380
        listen-peer-urls: https://10.10.10.10:2380
        advertise-client-urls: https://10.10.10.10:2379
        listen-client-urls: https://10.10.10.10:2379,https://127.0.0.1:2379
        election-timeout: 1000
        heartbeat-interval: 100
        quota-backend-bytes: 17179869184
        auto-compaction-mode: periodic
        auto-compaction-retention: "24h"
        client-transport-security:
          cert-file: /etc/etcd/server.crt
          key-file: /etc/etcd/server.key
          trusted-ca-file: /etc/etcd/ca.crt
        peer-transport-security:
          cert-file: /etc/etcd/server.crt
          key-file: /etc/etcd/server.key
          trusted-ca-file: /etc/etcd/ca.crt
        """;

    [Fact]
    public void The_file_of_pigsty_is_understood_and_what_is_missing_is_named()
    {
        var values = new FlagValues();
        ConfigurationFile.Parse(Pigsty, "etcd.conf", values, Log.Logger);
        Assert.Equal("etcd-1", values.Text("name"));
        Assert.Equal(17_179_869_184, values.Integer("quota-backend-bytes"));
        Assert.Equal("24h", values.Text("auto-compaction-retention"));
        Assert.Equal(2, values.Urls("listen-client-urls").Count);
        Assert.Equal("/etc/etcd/server.key", values.Text("key-file"));
        Assert.Equal("/etc/etcd/ca.crt", values.Text("peer-trusted-ca-file"));
        Assert.Equal(
            ["--cert-file", "--key-file", "--peer-cert-file", "--peer-key-file", "--peer-trusted-ca-file", "--trusted-ca-file"],
            values.NotBuilt());

        Assert.Equal(1, Starter.RunFile(Pigsty).Result.ExitCode);
    }

    [Fact]
    public void A_file_puts_flags_and_environment_out_of_force_and_says_so()
    {
        var run = Starter.RunFile("name: x\n", new() { ["ETCD_NAME"] = "y" }, "--name", "z");
        Assert.Equal("x", run.Options.Name);
        Assert.Equal("x.etcdnet", run.Options.DataDir);
        Assert.Contains("\"msg\":\"loaded server configuration, other configuration command line flags and environment variables will be ignored if provided\"", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Durations_are_nanoseconds_or_text_and_lists_may_be_lists()
    {
        var options = Starter.RunFile("""
            grpc-keepalive-min-time: 7000000000
            grpc-keepalive-interval: 1h
            log-outputs: [stdout, stderr]
            pre-vote: no
            socket-options: { reuse-port: false }
            advertise-client-urls: "http://10.0.0.1:2379"
            listen-client-urls: http://0.0.0.0:2379
            name:
            """).Options;
        Assert.Equal(TimeSpan.FromSeconds(7), options.GrpcKeepaliveMinTime);
        Assert.Equal(TimeSpan.FromHours(1), options.GrpcKeepaliveInterval);
        Assert.Equal(["stdout", "stderr"], options.LogOutputs);
        Assert.False(options.PreVote);
        Assert.Equal("default", options.Name);
    }

    [Fact]
    public void Json_is_a_configuration_file_too()
    {
        Assert.Equal(9, Starter.RunFile("""{"name": "j", "max-txn-ops": 9}""").Options.MaxTxnOps);
    }

    [Theory]
    [InlineData("name: x\nheartbeat-interval: abc\n", "line 2: heartbeat-interval: invalid value \\\"abc\\\": parse error")]
    [InlineData("name: x\n  bad: [\n", "line 2")]
    [InlineData("name: x\nname: y\n", "line 2")]
    [InlineData("a: 1\nname: [x]\n", "line 2: name: a text value is expected")]
    [InlineData("- a\n", "expected keys with values")]
    [InlineData("listen-client-urls: foo", "line 1: listen-client-urls: invalid value \\\"foo\\\": URL scheme must be http, https, unix, or unixs: foo")]
    public void Errors_name_the_line(string text, string message)
    {
        var run = Starter.RunFile(text);
        Assert.Equal(1, run.Result.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_keys_are_ignored_with_a_warning()
    {
        var run = Starter.RunFile("name: x\nenable-v2: true\nclient-transport-security:\n  nope: 1\n");
        Assert.Equal("x", run.Options.Name);
        Assert.Contains("\"key\":\"enable-v2\",\"line\":2", run.Error, StringComparison.Ordinal);
        Assert.Contains("\"key\":\"client-transport-security.nope\",\"line\":4", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_file_may_come_from_the_environment()
    {
        var run = Starter.RunWith(new() { ["ETCD_CONFIG_FILE"] = "/nonexistent" });
        Assert.Equal(1, run.Result.ExitCode);
        Assert.Contains("open /nonexistent: no such file or directory", run.Error, StringComparison.Ordinal);
    }
}
