namespace EtcdNet.Storage.Disk;

/// <summary>
/// The disk refused a change. The process has to end: what was written before may or may not be on the medium, and only a
/// recovery from the files can tell.
/// </summary>
public sealed class DiskFailedException : IOException
{
    /// <summary>Names the operation, the file and the reason of the operating system.</summary>
    public DiskFailedException(string operation, string path, string reason, Exception? inner = null)
        : base($"{operation} of {path} failed: {reason}; the member stops, since it cannot know what is on the disk", inner)
    {
        Operation = operation;
        Reason = reason;
        Path = path;
    }

    /// <summary>The operation that failed first.</summary>
    public string Operation { get; }

    /// <summary>What the operating system said.</summary>
    public string Reason { get; }

    /// <summary>The file concerned.</summary>
    public string Path { get; }
}
