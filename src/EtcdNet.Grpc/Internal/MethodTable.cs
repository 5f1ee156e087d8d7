using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;

namespace EtcdNet.Grpc.Internal;

/// <summary>Path → method, and what to say when there is none (grpc-go's words).</summary>
internal sealed class MethodTable
{
    private readonly FrozenDictionary<string, GrpcMethod> _methods;
    private readonly FrozenSet<string> _services;

    public MethodTable(IEnumerable<GrpcMethod> methods)
    {
        var byPath = new Dictionary<string, GrpcMethod>(StringComparer.Ordinal);
        foreach (var method in methods)
        {
            if (!byPath.TryAdd(method.Path, method))
                throw new ArgumentException($"{method.Path} is in the table twice", nameof(methods));
        }

        _methods = byPath.ToFrozenDictionary(StringComparer.Ordinal);
        _services = byPath.Values.Select(method => method.Service).ToFrozenSet(StringComparer.Ordinal);
    }

    public bool TryFind(string path, [NotNullWhen(true)] out GrpcMethod? method) => _methods.TryGetValue(path, out method);

    /// <summary>The text of the Unimplemented status for a path that is not in the table.</summary>
    public string WhyNot(string path)
    {
        int slash = path.LastIndexOf('/');
        if (slash <= 0)
            return $"malformed method name: \"{path}\"";
        string service = path[1..slash];
        return _services.Contains(service)
            ? $"unknown method {path[(slash + 1)..]} for service {service}"
            : $"unknown service {service}";
    }
}
