using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using YamlDotNet.RepresentationModel;

namespace EtcdNet.Cluster.Tests.Deployment;

/// <summary>
/// What a container would run, without one: the program of the image without any argument, in a network namespace of its own, with the
/// environment that <c>compose.yaml</c> gives it.
/// </summary>
public sealed class EntryPointTests
{
    [Fact]
    public async Task The_image_starts_with_the_environment_of_compose()
    {
        using var directory = new TempDirectory();
        await using var network = await NamespaceNetwork.CreateAsync(1);
        ServerPlace place = network.PlaceOf(0, "etcd");
        YamlNode service = DockerFolder.Compose("compose.yaml", new Dictionary<string, string> { ["ETCD_DATA_DIR"] = directory.At("data") }).Under("services", "etcd");
        Dictionary<string, string> environment = ((YamlMappingNode)service.Under("environment")).ToDictionary(static entry => entry.Key.ToString(), static entry => entry.Value.ToString());
        environment["ETCD_VERSION"] = "3.6.14";
        Assert.Contains("CMD [\"/usr/local/bin/etcdnet\"]", DockerFolder.Read("Dockerfile"), StringComparison.Ordinal);

        string[] commandLine = [.. place.Launcher, ServerTarget.EtcdNet.Binary];
        await using Command member = Command.Start(commandLine[0], commandLine[1..], environment);
        using var client = new EtcdClient(new Uri($"http://{place.Endpoint}"));
        await Deadline.UntilAsync(() => PutAsync(client), TimeSpan.FromSeconds(60));
        Assert.Equal("it", (await client.RangeAsync("took")).Answer.Kvs.Single().Value.ToStringUtf8());

        // The health check of compose and the one of the image are the same command.
        string[] check = [.. ((YamlSequenceNode)service.Under("healthcheck", "test")).Select(static node => node.ToString())];
        Assert.Equal("CMD", check[0]);
        Assert.Contains($"CMD [{string.Join(", ", check[1..].Select(static word => $"\"{word}\""))}]", DockerFolder.Read("Dockerfile"), StringComparison.Ordinal);
        string[] checkLine = [.. place.Launcher, .. check[1..]];
        CommandResult health = await Command.RunAsync(checkLine[0], checkLine[1..], null, new Dictionary<string, string> { ["ETCDCTL_API"] = "3" });
        Assert.True(health.ExitCode == 0, health.Error);
    }

    private static async Task<bool> PutAsync(EtcdClient client)
    {
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            return (await client.PutAsync("took", "it").WaitAsync(limit.Token)).Status == Protocol.GrpcStatus.OK;
        }
        catch (Exception error) when (CallFailure.IsBroken(error))
        {
            return false;
        }
    }
}
