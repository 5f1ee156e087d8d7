using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Health;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Protocol.V3lockpb;
using Google.Protobuf.Reflection;

namespace EtcdNet.Conformance.Differential;

/// <summary>
/// All RPCs of etcd by their short names, which are unique: <c>Put</c>, <c>Lock</c>, <c>RoleGet</c>; those of gRPC's own health service are called
/// <c>HealthCheck</c> and so on.
/// </summary>
internal static class Rpcs
{
    /// <summary>
    /// A range in pieces, which only later releases than the oracle have. It is asked for in one piece there, and the pieces are put together again.
    /// </summary>
    public const string RangeStream = "RangeStream";

    private static readonly Dictionary<string, MethodDescriptor> _methods =
        new[] { RpcReflection.Descriptor, V3LockReflection.Descriptor, V3ElectionReflection.Descriptor, HealthReflection.Descriptor }
            .SelectMany(static file => file.Services).SelectMany(static service => service.Methods).ToDictionary(ShortName);

    /// <summary>The gRPC path.</summary>
    public static string PathOf(string rpc) => $"/{_methods[rpc].Service.FullName}/{_methods[rpc].Name}";

    /// <summary>The path of what the oracle is asked.</summary>
    public static string OraclePathOf(string rpc) => PathOf(rpc == RangeStream ? "Range" : rpc);

    /// <summary>Whether the client may send more than one request in a call.</summary>
    public static bool TakesMany(string rpc) => _methods[rpc].IsClientStreaming;

    /// <summary>The type of the answer.</summary>
    public static MessageDescriptor AnswerOf(string rpc) => _methods[rpc == RangeStream ? "Range" : rpc].OutputType;

    private static string ShortName(MethodDescriptor method) => method.Service.Name == "Health" ? $"Health{method.Name}" : method.Name;
}
