using EtcdNet.Host.Configuration;
using EtcdNet.Testing;

namespace EtcdNet.Host.Tests;

public sealed class ValueTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("5s", 5_000)]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("100ms", 100)]
    [InlineData("1.5s", 1_500)]
    [InlineData("-2ms", -2)]
    [InlineData("2h0m0s", 7_200_000)]
    [InlineData("3000us", 3)]
    public void Durations_are_read_as_go_does(string text, long milliseconds)
    {
        Assert.True(GoValue.TryParseDuration(text, out var value));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("s")]
    [InlineData("1d")]
    [InlineData("1.2.3s")]
    [InlineData("1 s")]
    [InlineData("9999999h")]
    public void Other_durations_are_refused(string text) => Assert.False(GoValue.TryParseDuration(text, out _));

    [Fact]
    public void Durations_read_back_what_was_written()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        for (var i = 0; i < 10_000; i++)
        {
            var value = new TimeSpan((long)(Math.Pow(10, random.NextDouble() * 16) * (random.Next(2) == 0 ? -1 : 1)));
            Assert.True(GoValue.TryParseDuration(GoValue.FormatDuration(value), out var back) && back == value,
                $"seed {seed}: {value.Ticks} ticks → {GoValue.FormatDuration(value)}");
        }
    }

    [Theory]
    [InlineData("100ms", "100ms")]
    [InlineData("60s", "1m0s")]
    [InlineData("2h", "2h0m0s")]
    [InlineData("1500ms", "1.5s")]
    public void Durations_are_written_as_go_does(string text, string expected)
    {
        Assert.True(GoValue.TryParseDuration(text, out var value));
        Assert.Equal(expected, GoValue.FormatDuration(value));
    }

    [Theory]
    [InlineData("0x10", 16)]
    [InlineData("0b11", 3)]
    [InlineData("010", 8)]
    [InlineData("1_000", 1000)]
    [InlineData("-5", -5)]
    [InlineData("0", 0)]
    public void Numbers_are_read_as_go_does(string text, long expected)
    {
        Assert.True(GoValue.TryParseInteger(text, out var value));
        Assert.Equal(expected, value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("abc")]
    [InlineData("1e3")]
    [InlineData("08")]
    [InlineData("99999999999999999999999999999999999999999")]
    public void Other_numbers_are_refused(string text) => Assert.False(GoValue.TryParseInteger(text, out _));

    [Theory]
    [InlineData("http://127.0.0.1:2379", "127.0.0.1", 2379, false)]
    [InlineData("https://[::1]:1", "::1", 1, true)]
    [InlineData(" http://localhost:80 ", "localhost", 80, false)]
    public void Urls_are_read(string text, string host, int port, bool tls)
    {
        Assert.Null(EtcdUrl.TryParseList(text, out var urls));
        var url = Assert.Single(urls);
        Assert.Equal((host, port, tls, text.Trim()), (url.Host, url.Port, url.IsTls, url.ToString()));
    }

    [Fact]
    public void Unix_urls_name_a_socket()
    {
        Assert.Null(EtcdUrl.TryParseList("unix://localhost:12345,unixs:///run/etcd.sock", out var urls));
        Assert.Equal("localhost:12345", urls[0].UnixPath);
        Assert.Equal("/run/etcd.sock", urls[1].UnixPath);
        Assert.True(urls[0].IsUnix && urls[1].IsTls);
    }

    [Theory]
    [InlineData("", "URL scheme must be http, https, unix, or unixs: ")]
    [InlineData("http://a", "URL address does not have the form \"host:port\": http://a")]
    [InlineData("http://a:1/x", "URL must not contain a path: http://a:1/x")]
    [InlineData("http://[::1", "parse \"http://[::1\": missing ']' in host")]
    [InlineData("http://a:b", "parse \"http://a:b\": invalid port \":b\" after host")]
    [InlineData("http://a:99999", "parse \"http://a:99999\": port out of range \":99999\"")]
    [InlineData("http://a:1,ftp://b:2", "URL scheme must be http, https, unix, or unixs: ftp://b:2")]
    public void Wrong_urls_are_refused_in_etcds_words(string text, string error) =>
        Assert.Equal(error, EtcdUrl.TryParseList(text, out _));

    [Theory]
    [InlineData("a=http://127.0.0.1:1,a=http://127.0.0.1:2", "http://127.0.0.1:1,http://127.0.0.1:2", null)]
    [InlineData("b=http://127.0.0.1:1", "http://127.0.0.1:1", "couldn't find local name \"a\" in the initial cluster configuration")]
    [InlineData("a=http://127.0.0.1:1,b=http://127.0.0.1:1", "http://127.0.0.1:1", "initial cluster a=http://127.0.0.1:1,b=http://127.0.0.1:1 has duplicate url")]
    [InlineData("a=http://127.0.0.1:2", "http://127.0.0.1:1", "--initial-cluster has a=http://127.0.0.1:2 but missing from --initial-advertise-peer-urls=http://127.0.0.1:1")]
    [InlineData("a=http://127.0.0.1:1", "http://127.0.0.1:1,http://127.0.0.1:2", "--initial-advertise-peer-urls has http://127.0.0.1:2 but missing from --initial-cluster=a=http://127.0.0.1:1,a=http://127.0.0.1:2")]
    public void A_member_must_stand_in_its_initial_cluster(string cluster, string advertised, string? error)
    {
        Assert.Null(EtcdUrl.TryParseList(advertised, out var urls));
        var found = Record.Exception(() => InitialCluster.Parse(cluster).VerifyBootstrap("a", urls));
        Assert.Equal(error, found?.Message);
    }
}
