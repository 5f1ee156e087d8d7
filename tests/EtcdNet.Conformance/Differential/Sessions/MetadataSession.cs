using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Health;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>
/// Usual requests with unusual headers: any version, tokens that nobody gave, a leader asked for. A version that is no UTF-8 ends etcd 3.5 with a panic; what
/// 3.6 answers is told to EtcdNet alone, in GrpcProtocolTests.
/// </summary>
internal sealed class MetadataSession(World world, int client) : Session(world, client)
{
    private readonly RequestGenerator _generator = new(world.Random, world.Store);

    /// <inheritdoc/>
    public override Task StepAsync()
    {
        var headers = new Dictionary<string, string>();
        if (Random.Next(2) == 0)
            headers["client-api-version"] = OneOf("3.6.0", "", "3.5", "\u00c3\u00a9");
        if (Random.Next(2) == 0)
            headers["token"] = OneOf("", "x", "abcdefgh.1", "\u00ff", "Bearer x");
        if (Random.Next(3) == 0)
            headers["authorization"] = OneOf("", "Bearer abc", "Basic cm9vdA==");
        if (Random.Next(2) == 0)
            headers["hasleader"] = OneOf("true", "false", "");
        if (Random.Next(5) == 0)
            headers["x-any"] = "thing";
        switch (Random.Next(9))
        {
            case 0:
                return CallAsync("Status", new StatusRequest(), headers);
            case 1:
                return CallAsync("MemberList", new MemberListRequest(), headers);
            case 2:
                return CallAsync("LeaseLeases", new LeaseLeasesRequest(), headers);
            case 3:
                return CallAsync("HealthCheck", Health(), headers);
            case 4:
                return CallAsync("HealthList", new HealthListRequest(), headers);
            case 5:
                return World.FirstOfStreamAsync(Client, "HealthWatch", Health(), headers);
            default:
                var (rpc, request) = _generator.NextPlain();
                return CallAsync(rpc, request, headers);
        }
    }

    // Only the server as a whole has a health.
    private HealthCheckRequest Health() => new() { Service = OneOf("", "", "x", "etcdserverpb.KV", "grpc.health.v1.Health", "\u00e9", " ", new string('s', 3000)) };
}
