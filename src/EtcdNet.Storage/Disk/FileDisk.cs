using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace EtcdNet.Storage.Disk;

/// <summary>The real file system of Linux.</summary>
public sealed class FileDisk : IDisk
{
    private const int FileMode0600 = 0x180;
    private const uint DirectoryMode0700 = 0x1C0;
    private const int ScarceMillisecondsMax = 30_000;
    private const int ScarcePauseMilliseconds = 10;
    private DiskFailedException? _failure;

    /// <inheritdoc/>
    public IDiskFile Open(string path, DiskOpenMode mode)
    {
        if (mode != DiskOpenMode.Read)
            ThrowIfFailed();
        int flags = mode switch
        {
            DiskOpenMode.Read => Native.OpenReadOnly,
            DiskOpenMode.ReadWrite => Native.OpenReadWrite,
            _ => Native.OpenReadWrite | Native.OpenCreate | Native.OpenTruncate,
        };
        int descriptor = OpenDescriptor(path, flags);
        if (descriptor >= 0)
            return new FileDiskFile(this, path, new SafeFileHandle(descriptor, ownsHandle: true));
        if (Marshal.GetLastPInvokeError() == Native.ErrorNoEntry && mode != DiskOpenMode.Create)
            throw new FileNotFoundException($"{path} does not exist", path);
        throw mode == DiskOpenMode.Read
            ? new IOException($"open of {path} failed: {Native.LastReason()}")
            : Fail("open", path, Native.LastReason());
    }

    /// <inheritdoc/>
    public bool FileExists(string path) => File.Exists(path);

    /// <inheritdoc/>
    public bool DirectoryExists(string path) => Directory.Exists(path);

    /// <inheritdoc/>
    public void CreateDirectory(string path)
    {
        ThrowIfFailed();
        if (Native.MakeDirectory(path, DirectoryMode0700) != 0 && Marshal.GetLastPInvokeError() != Native.ErrorExists)
            throw Fail("mkdir", path, Native.LastReason());
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> List(string directory)
    {
        var names = new List<string>();
        foreach (string path in Directory.EnumerateFileSystemEntries(directory))
            names.Add(Path.GetFileName(path));
        names.Sort(StringComparer.Ordinal);
        return names;
    }

    /// <inheritdoc/>
    public void Rename(string from, string to)
    {
        ThrowIfFailed();
        if (Native.Rename(from, to) != 0)
            throw Fail("rename", from, Native.LastReason());
    }

    /// <inheritdoc/>
    public void Delete(string path)
    {
        ThrowIfFailed();
        if (Native.Unlink(path) != 0 && Marshal.GetLastPInvokeError() != Native.ErrorNoEntry)
            throw Fail("unlink", path, Native.LastReason());
    }

    /// <inheritdoc/>
    public void DeleteDirectory(string path)
    {
        ThrowIfFailed();
        if (Native.RemoveDirectory(path) != 0 && Marshal.GetLastPInvokeError() != Native.ErrorNoEntry)
            throw Fail("rmdir", path, Native.LastReason());
    }

    /// <inheritdoc/>
    public void SyncDirectory(string path)
    {
        ThrowIfFailed();
        int descriptor = OpenDescriptor(path, Native.OpenReadOnly);
        if (descriptor < 0)
            throw Fail("open", path, Native.LastReason());
        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        if (Native.Sync(handle) != 0)
            throw Fail("fsync", path, Native.LastReason());
    }

    /// <inheritdoc/>
    public long FreeBytes(string directory)
    {
        Native.FileSystemStatus status = StatusOf(directory);
        return checked((long)(status.BlocksAvailable * status.FragmentSize));
    }

    /// <inheritdoc/>
    public long FreeFiles(string directory)
    {
        Native.FileSystemStatus status = StatusOf(directory);
        return status.Files == 0 ? long.MaxValue : (long)Math.Min(status.FilesAvailable, long.MaxValue);
    }

    /// <inheritdoc/>
    public IDisposable? TryLock(string path)
    {
        int descriptor = OpenDescriptor(path, Native.OpenReadWrite | Native.OpenCreate);
        if (descriptor < 0)
            throw new IOException($"open of {path} failed: {Native.LastReason()}");
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        if (Native.Lock(handle, Native.LockExclusiveNonBlocking) == 0)
            return handle;
        int error = Marshal.GetLastPInvokeError();
        handle.Dispose();
        return error == Native.ErrorWouldBlock ? null : throw new IOException($"flock of {path} failed: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    internal void ThrowIfFailed()
    {
        if (Volatile.Read(ref _failure) is { } failure)
            throw new DiskFailedException(failure.Operation, failure.Path, failure.Reason + " (earlier, which stopped this disk)", failure);
    }

    internal DiskFailedException Fail(string operation, string path, string reason, Exception? inner = null)
    {
        var failure = new DiskFailedException(operation, path, reason, inner);
        Interlocked.CompareExchange(ref _failure, failure, null);
        return failure;
    }

    private static Native.FileSystemStatus StatusOf(string directory) => Native.Status(directory, out Native.FileSystemStatus status) == 0
        ? status
        : throw new IOException($"statvfs of {directory} failed: {Native.LastReason()}");

    // An open that found no free descriptor has changed nothing, so it may be repeated: somebody else's descriptors must not
    // end the member.
    private static int OpenDescriptor(string path, int flags)
    {
        long started = Environment.TickCount64;
        while (true)
        {
            int descriptor = Native.Open(path, flags | Native.OpenCloseOnExec, FileMode0600);
            if (descriptor >= 0)
                return descriptor;
            int error = Marshal.GetLastPInvokeError();
            bool scarce = error is Native.ErrorTooManyOpen or Native.ErrorTooManyOpenInSystem && Environment.TickCount64 - started < ScarceMillisecondsMax;
            if (scarce)
                Thread.Sleep(ScarcePauseMilliseconds);
            else if (error != Native.ErrorInterrupted)
                return Refused(error);
        }
    }

    // Sleeping may have changed what the caller asks for next.
    private static int Refused(int error)
    {
        Marshal.SetLastPInvokeError(error);
        return -1;
    }
}
