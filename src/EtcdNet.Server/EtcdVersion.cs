namespace EtcdNet.Server;

/// <summary>The etcd release that clients take us for; they choose features by it.</summary>
public static class EtcdVersion
{
    /// <summary>Reported by Status and /version.</summary>
    public const string Server = "3.6.14";

    /// <summary>Version the cluster agrees on.</summary>
    public const string Cluster = "3.6.0";

    /// <summary>Version of the data's schema.</summary>
    public const string Storage = EtcdNet.Storage.Bolt.EtcdDatabase.StorageVersion;
}
