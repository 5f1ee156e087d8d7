using EtcdNet.Grpc.Internal;
using EtcdNet.Grpc.Transport;

namespace EtcdNet.Grpc.Tests;

public sealed class SmallPartsTests
{
    private sealed class ManualTime : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Pass(double seconds) => _now += (long)(seconds * TimeSpan.TicksPerSecond);
    }

    [Theory]
    [InlineData("1H", 3_600_000.0)]
    [InlineData("2M", 120_000.0)]
    [InlineData("99999999S", 99_999_999_000.0)]
    [InlineData("100m", 100.0)]
    [InlineData("5u", 0.005)]
    [InlineData("1n", 0.0001)]
    [InlineData("0S", 0.0)]
    public void Timeouts_are_parsed(string text, double milliseconds)
    {
        Assert.True(GrpcTimeout.TryParse(text, out var timeout));
        Assert.Equal(milliseconds, timeout.TotalMilliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("1s")]
    [InlineData(" 1S")]
    [InlineData("+1S")]
    [InlineData("1 S")]
    [InlineData("１S")]
    public void Other_timeouts_are_not(string text) => Assert.False(GrpcTimeout.TryParse(text, out _));

    [Theory]
    [InlineData("plain text: (ok) ~", "plain text: (ok) ~")]
    [InlineData("100%", "100%25")]
    [InlineData("a\r\nb", "a%0D%0Ab")]
    [InlineData("é", "%C3%A9")]
    [InlineData("\u007f", "%7F")]
    public void Messages_are_percent_encoded(string text, string encoded) => Assert.Equal(encoded, PercentEncoding.Encode(text));

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("127.0.0.1:2379", true)]
    [InlineData("[::1]:2379", true)]
    [InlineData("[::1]", true)]
    [InlineData("", true)]
    [InlineData(":2379", false)]
    [InlineData("a:", false)]
    [InlineData("a:b", false)]
    [InlineData("[::1", false)]
    [InlineData("[::1]x", false)]
    [InlineData("http://a", false)]
    public void Host_names_are_judged_as_Kestrel_does(string text, bool acceptable) =>
        Assert.Equal(acceptable, HostName.IsAcceptable(System.Text.Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void Pings_in_time_are_never_an_offence()
    {
        var (policy, time, connection) = Policy();
        connection.StreamStarted();
        for (int i = 0; i < 100; i++)
        {
            Assert.False(policy.PingArrived());
            time.Pass(5);
        }
    }

    [Fact]
    public void The_third_early_ping_in_a_row_is_one_too_many()
    {
        var (policy, time, connection) = Policy();
        connection.StreamStarted();
        Assert.False(policy.PingArrived());
        for (int strike = 1; strike <= 2; strike++)
        {
            time.Pass(4.9);
            Assert.False(policy.PingArrived());
        }

        time.Pass(4.9);
        Assert.True(policy.PingArrived());
    }

    [Fact]
    public void What_the_server_sends_forgives_the_strikes()
    {
        var (policy, time, connection) = Policy();
        connection.StreamStarted();
        for (int i = 0; i < 30; i++)
        {
            if (i % 3 == 0)
                connection.ServerSent();
            time.Pass(0.1);
            Assert.False(policy.PingArrived());
        }
    }

    [Fact]
    public void Without_a_stream_two_hours_is_the_interval()
    {
        var (policy, time, _) = Policy();
        Assert.False(policy.PingArrived());
        time.Pass(7200);
        Assert.False(policy.PingArrived());
        for (int strike = 1; strike <= 3; strike++)
        {
            time.Pass(7199);
            Assert.Equal(strike == 3, policy.PingArrived());
        }
    }

    private static (PingPolicy Policy, ManualTime Time, ConnectionState Connection) Policy()
    {
        var time = new ManualTime();
        var connection = new ConnectionState(new GrpcEndpoint { Address = new System.Net.IPEndPoint(0, 0) }, null);
        return (new PingPolicy(TimeSpan.FromSeconds(5), permitWithoutStream: false, time, connection), time, connection);
    }
}
