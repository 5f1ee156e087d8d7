using System.Globalization;
using System.Text.RegularExpressions;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary><c>etcdctl check perf</c>: a minute of puts from 50 clients.</summary>
public sealed partial class CheckPerfTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    /// <summary>What the small load asks for is 150 writes a second; the command itself wants nine tenths of it.</summary>
    private const int WritesPerSecondMin = 135;

    [Fact]
    public async Task It_writes_for_a_minute_reports_and_cleans_up()
    {
        var etcdctl = new EtcdCtlTool(fixture.Server, EtcdCtlPrograms.Newer);
        var result = await etcdctl.TryAsync(null, ["check", "perf", "--load", "s"], TimeSpan.FromMinutes(3));
        var throughput = Throughput().Match(result.Output);
        Assert.True(throughput.Success, $"no throughput: {result.Output}{result.Error}");
        // The slowest request and the deviation, which it judges too, are those of a machine that runs other tests meanwhile.
        Assert.True(int.Parse(throughput.Groups[1].Value, CultureInfo.InvariantCulture) >= WritesPerSecondMin, result.Output);
        Assert.Contains("Slowest request took", result.Output, StringComparison.Ordinal);
        Assert.Equal("", await etcdctl.RunAsync("get", "/etcdctl-check-perf/", "--prefix", "--keys-only"));
    }

    [GeneratedRegex(@"Throughput (?:is|too low:) (\d+) writes/s")]
    private static partial Regex Throughput();
}
