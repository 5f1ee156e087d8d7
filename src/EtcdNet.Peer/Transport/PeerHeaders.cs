using System.Globalization;
using EtcdNet.Peer.Wire;

namespace EtcdNet.Peer.Transport;

/// <summary>Header names of requests between members, and the checks on them (surface section 5.2).</summary>
internal static class PeerHeaders
{
    public const string ClusterId = "X-Etcd-Cluster-ID";
    public const string From = "X-Server-From";
    public const string ServerVersion = "X-Server-Version";
    public const string MinClusterVersion = "X-Min-Cluster-Version";
    public const string To = "X-Raft-To";
    public const string PeerUrls = "X-PeerURLs";

    /// <summary>The oldest cluster that this release can be a member of, as etcd 3.x says.</summary>
    public const string OldestCluster = "3.0.0";

    /// <summary>What a member from before these headers is taken for.</summary>
    private const string Ancient = "2.0.0";

    public const string IncompatibleVersion = "incompatible version";
    public const string ClusterMismatch = "cluster ID mismatch";

    /// <summary>Ids are hex without leading zeros.</summary>
    public static string Hex(ulong id) => id.ToString("x", CultureInfo.InvariantCulture);

    public static bool TryParseId(string? text, out ulong id) =>
        ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out id);

    /// <summary>Why a member with these headers cannot be talked to; null when it can.</summary>
    public static string? WhyRefused(PeerTransportOptions own, string? serverVersion, string? minClusterVersion, string? clusterId)
    {
        var server = Minor(string.IsNullOrEmpty(serverVersion) ? Ancient : serverVersion);
        var oldest = Minor(string.IsNullOrEmpty(minClusterVersion) ? Ancient : minClusterVersion);
        if (server is null || oldest is null || server < Minor(OldestCluster) || oldest > Minor(own.ServerVersion))
            return IncompatibleVersion;
        return clusterId == Hex(own.ClusterId) ? null : ClusterMismatch;
    }

    /// <summary>How to write for a member of that release.</summary>
    public static WireForm FormFor(string? serverVersion) =>
        serverVersion is not null && Minor(serverVersion) is { } version && version < new Version(3, 6) ? WireForm.Etcd35 : WireForm.Etcd36;

    /// <summary>Major and minor; what follows does not decide. Null when it is no version.</summary>
    private static Version? Minor(string text)
    {
        var parts = text.Split('.', 3);
        return parts.Length >= 2
            && ushort.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            && ushort.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var minor)
            ? new Version(major, minor)
            : null;
    }
}
