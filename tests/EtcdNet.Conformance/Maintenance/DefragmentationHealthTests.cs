using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Maintenance;

/// <summary>--experimental-stop-grpc-service-on-defrag, the gate StopGRPCServiceOnDefrag of later releases.</summary>
public sealed class DefragmentationHealthTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Clients_are_sent_elsewhere_meanwhile_only_where_that_is_wanted(bool wanted)
    {
        await using var server = await ServerProcess.StartAsync(null, null, $"--experimental-stop-grpc-service-on-defrag={(wanted ? "true" : "false")}");
        using var client = new EtcdClient(server.ClientUrl);
        await client.PutAsync("a", "1");
        Assert.Equal(GrpcStatus.OK, (await client.Grpc.CallAsync<DefragmentResponse>("/etcdserverpb.Maintenance/Defragment", new DefragmentRequest())).Status);
        // Both lines are written before the answer, but may still be on their way here; any later line comes behind them.
        await server.TerminateAsync();
        await Deadline.UntilAsync(() => Task.FromResult(server.Log.Contains("received signal", StringComparison.Ordinal)), s_limit);
        Assert.Equal(wanted ? 1 : 0, Lines(server).Count(line => line.Contains("NOT_SERVING", StringComparison.Ordinal)));
        if (wanted)
            Assert.Contains("\"status\":\"SERVING\"", Lines(server).Last(), StringComparison.Ordinal);
    }

    private static IEnumerable<string> Lines(ServerProcess server) =>
        server.Log.Split('\n').Where(line => line.Contains("grpc service status changed", StringComparison.Ordinal));
}
