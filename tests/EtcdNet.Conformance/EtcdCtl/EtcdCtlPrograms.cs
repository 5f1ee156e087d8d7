using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>The etcdctl programs that the tests use.</summary>
internal static class EtcdCtlPrograms
{
    /// <summary>The one that the system has installed: 3.4.</summary>
    public const string Debian = "/usr/bin/etcdctl";

    /// <summary>The one that tests/run unpacked into artifacts beside the oracle: 3.5. Where that could not be had, the system's.</summary>
    public static string Newer { get; } = FindNewer();

    /// <summary>Their variables: version 3 of the API has to be asked for by name in old scripts, and must be in 3.3.</summary>
    public static IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string> { ["ETCDCTL_API"] = "3" };

    private static string FindNewer()
    {
        var unpacked = Path.Combine(ServerTarget.Artifacts(), "etcd-3.5", "usr", "bin", "etcdctl");
        return File.Exists(unpacked) ? unpacked : Debian;
    }
}
