namespace EtcdNet.Host.Http;

/// <summary>The versions of <c>/version</c> that are only known at run time.</summary>
/// <param name="Cluster">Version of the cluster, or null while it is not decided.</param>
/// <param name="Storage">Version of the stored data, or null while it is not known.</param>
public sealed record ClusterVersions(string? Cluster, string? Storage);
