using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Protocol.V3lockpb;
using Google.Protobuf.Reflection;

namespace EtcdNet.Conformance.Differential;

/// <summary>All RPCs of etcd by their short names, which are unique: <c>Put</c>, <c>Lock</c>, <c>RoleGet</c>.</summary>
internal static class Rpcs
{
    private static readonly Dictionary<string, MethodDescriptor> _methods =
        new[] { RpcReflection.Descriptor, V3LockReflection.Descriptor, V3ElectionReflection.Descriptor }
            .SelectMany(static file => file.Services).SelectMany(static service => service.Methods).ToDictionary(static method => method.Name);

    /// <summary>The short names.</summary>
    public static IEnumerable<string> Names => _methods.Keys;

    /// <summary>The gRPC path.</summary>
    public static string PathOf(string rpc) => $"/{_methods[rpc].Service.FullName}/{rpc}";

    /// <summary>The type of the answer.</summary>
    public static MessageDescriptor AnswerOf(string rpc) => _methods[rpc].OutputType;
}
