using System.Net;
using EtcdNet.Host.Configuration;
using EtcdNet.Host.Platform;
using EtcdNet.Testing;
using Serilog.Core;

namespace EtcdNet.Host.Tests;

/// <summary>Members of a new cluster from DNS.</summary>
public sealed class DnsDiscoveryTests
{
    // Three records with compressed owner names, as a server sent them.
    private const string Recorded =
        "38cc818000010003000000000c5f657463642d736572766572045f746370076578616d706c6504746573740000210001c00c002100010000003c001700010000305d026d31076578616d706c65047465737400c00c002100010000003c001700020000305e026d32076578616d706c65047465737400c00c002100010000003c001700030000305f026d33076578616d706c65047465737400";

    [Fact]
    public void Service_records_are_read_from_the_wire_format() =>
        Assert.Equal(
            [new ServiceRecord("m1.example.test", 12381), new ServiceRecord("m2.example.test", 12382), new ServiceRecord("m3.example.test", 12383)],
            ServiceRecords.Parse(Convert.FromHexString(Recorded)));

    [Fact]
    public void Damaged_answers_are_refused_and_never_read_for_ever()
    {
        byte[] answer = Convert.FromHexString(Recorded);
        for (int length = 0; length < answer.Length; length++)
        {
            int cut = length;
            Assert.Throws<FormatException>(() => ServiceRecords.Parse(answer.AsSpan(0, cut)));
        }
        byte[] circle = [.. answer];
        (circle[12], circle[13]) = (0xC0, 12);
        Assert.Throws<FormatException>(() => ServiceRecords.Parse(circle));
        int seed = TestSeed.Next();
        var random = new Random(seed);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] damaged = [.. answer];
            for (int i = random.Next(1, 6); i > 0; i--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            Exception? refused = Record.Exception(() => ServiceRecords.Parse(damaged));
            Assert.True(refused is null or FormatException, $"seed {seed} round {round}: {refused}");
        }
    }

    [Fact]
    public void Other_members_are_numbered_and_this_one_is_known_by_its_address()
    {
        DnsDiscovery discovery = Discovery(("_etcd-server._tcp.example.test", [new("m1.example.test", 2380), new("m2.example.test", 2380)]));
        EtcdOptions options = Starter.Run("--name", "me", "--discovery-srv", "example.test", "--initial-advertise-peer-urls", "http://10.0.0.2:2380").Options;
        Assert.Equal("0=http://m1.example.test:2380,me=http://m2.example.test:2380", discovery.Find(options).ToString());
    }

    [Fact]
    public void Secure_records_and_the_suffix_of_the_service_count()
    {
        DnsDiscovery discovery = Discovery(
            ("_etcd-server-ssl-blue._tcp.example.test", [new("m1.example.test", 2380)]), ("_etcd-server-blue._tcp.example.test", [new("m2.example.test", 2380)]));
        EtcdOptions options = Starter.Run(
            "--name", "me", "--discovery-srv", "example.test", "--discovery-srv-name", "blue", "--initial-advertise-peer-urls", "http://M2.example.test:2380").Options;
        Assert.Equal("0=https://m1.example.test:2380,me=http://m2.example.test:2380", discovery.Find(options).ToString());
    }

    [Theory]
    [InlineData("other.test", "no SRV records")]
    [InlineData("example.test", "cannot find local etcd member \"me\"")]
    public void What_cannot_found_a_cluster_is_refused(string domain, string text)
    {
        DnsDiscovery discovery = Discovery(("_etcd-server._tcp.example.test", [new("m1.example.test", 2380)]));
        EtcdOptions options = Starter.Run("--name", "me", "--discovery-srv", domain, "--initial-advertise-peer-urls", "http://10.0.0.7:2380").Options;
        Assert.Contains(text, Assert.Throws<ConfigurationException>(() => discovery.Find(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_ways_to_find_the_members_are_one_too_many()
    {
        Starter start = Starter.Run("--discovery-srv", "example.test", "--initial-cluster", "default=http://localhost:2380");
        Assert.Equal(1, start.Result.ExitCode);
        Assert.Contains("multiple discovery or bootstrap flags are set", start.Error, StringComparison.Ordinal);
    }

    private static DnsDiscovery Discovery(params (string Name, ServiceRecord[] Records)[] zone) => new(
        name => zone.FirstOrDefault(entry => entry.Name == name).Records ?? [],
        host => host switch
        {
            "m1.example.test" => [IPAddress.Parse("10.0.0.1")],
            "m2.example.test" => [IPAddress.Parse("10.0.0.2")],
            _ => IPAddress.TryParse(host, out IPAddress? address) ? [address] : [],
        },
        Logger.None);
}
