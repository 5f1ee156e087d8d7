namespace EtcdNet.Storage.Faster;

/// <summary>The files of the revision store are not what a checkpoint left. The checkpoint cannot be used; an older one may.</summary>
public sealed class StoreDamagedException(string directory, long address, string found)
    : Exception($"revision store {directory} is damaged at address {address}: {found}")
{
    /// <summary>Directory of the files.</summary>
    public string Directory { get; } = directory;

    /// <summary>Log address; the file is address / segment size.</summary>
    public long Address { get; } = address;
}
