using System.Reflection;
using System.Runtime.InteropServices;
using EtcdNet.Server;

namespace EtcdNet.Host.Configuration;

/// <summary>The versions that the program tells.</summary>
public static class Versions
{
    /// <summary>The etcd release whose behaviour is followed; what /version and Status report.</summary>
    public static string Etcd => EtcdVersion.Server;

    /// <summary>Version of a new cluster, and of the data.</summary>
    public static string EtcdCluster => EtcdVersion.Cluster;

    /// <summary>Our own version.</summary>
    public static string EtcdNet { get; } = Informational().Split('+')[0];

    /// <summary>Revision of the source, when the build knew it.</summary>
    public static string GitSha { get; } = Informational().Split('+') is [_, var sha, ..] ? sha : "not provided";

    /// <summary>The lines of <c>--version</c>; the first is the one that tools read.</summary>
    public static string Text() =>
        $"""
        etcd Version: {Etcd}
        EtcdNet Version: {EtcdNet}
        Git SHA: {GitSha}
        Runtime: {RuntimeInformation.FrameworkDescription}
        OS/Arch: {(OperatingSystem.IsLinux() ? "linux" : RuntimeInformation.OSDescription)}/{Architecture()}

        """;

    /// <summary>amd64, arm64, … as Go says it.</summary>
    public static string Architecture() => RuntimeInformation.ProcessArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.X64 => "amd64",
        var other => other.ToString().ToLowerInvariant(),
    };

    private static string Informational() =>
        typeof(Versions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";
}
