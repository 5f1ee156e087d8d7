using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage.WriteAhead;

/// <summary>
/// Makes segment files before they are needed. Reserving 64 MiB takes tens of milliseconds, which a commit must not wait
/// for; and on a file of fixed size a sync has no new size to write, which halves the device writes.
/// </summary>
internal sealed class WalSegmentMaker(IDisk disk, string directory, WalOptions options) : IDisposable
{
    private Task<(IDiskFile File, string Path)>? _next;
    private int _made;

    /// <summary>Starts to make the next file unless that is already done.</summary>
    internal void Prepare()
    {
        if (options.PrepareAhead)
            _next ??= Task.Run(Make);
    }

    /// <summary>The next file, reserved and synced, still under a temporary name.</summary>
    internal (IDiskFile File, string Path) Take()
    {
        Task<(IDiskFile, string)>? next = _next;
        _next = null;
        return next is null ? Make() : next.GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        if (_next is null)
            return;
        try
        {
            (IDiskFile file, string path) = _next.GetAwaiter().GetResult();
            file.Dispose();
            disk.Delete(path);
        }
        catch (DiskFailedException)
        {
            // Nothing was stored in that file; whoever writes next meets the failure.
        }
    }

    private (IDiskFile File, string Path) Make()
    {
        string path = Path.Combine(directory, $"next-{_made++}{DiskExtensions.TemporarySuffix}");
        IDiskFile file = disk.Open(path, DiskOpenMode.Create);
        file.Allocate(options.SegmentBytes);
        file.Sync();
        return (file, path);
    }
}
