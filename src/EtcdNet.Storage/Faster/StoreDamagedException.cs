namespace EtcdNet.Storage.Faster;

/// <summary>The files of the revision store are not what a checkpoint left. The checkpoint cannot be used; an older one may.</summary>
public sealed class StoreDamagedException(string file, long offset, string found)
    : Exception($"store file {file} is damaged at offset {offset}: {found}")
{
    /// <summary>The file.</summary>
    public string File { get; } = file;

    /// <summary>Where in it, in bytes.</summary>
    public long Offset { get; } = offset;
}
