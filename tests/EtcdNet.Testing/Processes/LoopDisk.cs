namespace EtcdNet.Testing.Processes;

/// <summary>
/// A disk of its own for one member: ext4 in a file in memory, mounted through a loop device. It can run full, and it can stall: while
/// it is frozen every write and every fsync on it waits, as on a device that does not answer; other disks do not notice. Needs root,
/// here and in CI. Not thread-safe.
/// </summary>
public sealed class LoopDisk : IAsyncDisposable
{
    private readonly TempDirectory _directory = new();
    private bool _frozen;

    private LoopDisk()
    {
    }

    /// <summary>Where a member may keep its data.</summary>
    public string DataDirectory => Path.Combine(Root, "data");

    private string Root => _directory.At("disk");

    private string Memory => _directory.At("memory");

    private string Ballast => Path.Combine(Root, "ballast");

    /// <summary>Makes one of so many MiB; it takes only the room that is used.</summary>
    public static async Task<LoopDisk> CreateAsync(int mebibytes)
    {
        var disk = new LoopDisk();
        Directory.CreateDirectory(disk.Root);
        Directory.CreateDirectory(disk.Memory);
        try
        {
            await RunAsync("mount", "-t", "tmpfs", "-o", $"size={mebibytes + 64}m", "etcdnet-test", disk.Memory);
            var image = Path.Combine(disk.Memory, "image");
            using (var file = File.Create(image))
                file.SetLength((long)mebibytes << 20);
            // The host never loses power in a test: a journal would only cost time.
            await RunAsync("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", image);
            await RunAsync("mount", "-o", "loop,noatime", image, disk.Root);
            return disk;
        }
        catch
        {
            await Command.RunAsync("umount", [disk.Memory]);
            disk._directory.Dispose();
            throw;
        }
    }

    /// <summary>From now on nothing is written: writes and syncs wait for <see cref="ThawAsync"/>.</summary>
    public async Task FreezeAsync()
    {
        await RunAsync("fsfreeze", "--freeze", Root);
        _frozen = true;
    }

    /// <summary>What waited goes on.</summary>
    public async Task ThawAsync()
    {
        if (!_frozen)
            return;
        await RunAsync("fsfreeze", "--unfreeze", Root);
        _frozen = false;
    }

    /// <summary>Somebody else takes all room that is left.</summary>
    public void Fill()
    {
        using var file = Preallocate();
        var block = new byte[1 << 16];
        for (var size = block.Length; size >= 4096; size /= 16)
        {
            try
            {
                while (true)
                    file.Write(block.AsSpan(0, size));
            }
            catch (IOException)
            {
                // As it must be: smaller pieces may still fit.
            }
        }
    }

    /// <summary>What somebody else took is free again.</summary>
    public void Free() => File.Delete(Ballast);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await ThawAsync();
        // The kernel may hold the last file of a killed process for a moment.
        foreach (var mounted in new[] { Root, Memory })
            await Deadline.UntilAsync(async () => (await Command.RunAsync("umount", [mounted])).ExitCode == 0, TimeSpan.FromSeconds(30));
        _directory.Dispose();
    }

    /// <summary>Most of the room without writing.</summary>
    private FileStream Preallocate()
    {
        for (long left = 8 << 20; ; left *= 2)
        {
            long most = Math.Max(0, new DriveInfo(Root).AvailableFreeSpace - left);
            try
            {
                var file = new FileStream(Ballast, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, PreallocationSize = most, BufferSize = 0 });
                file.Position = most;
                return file;
            }
            catch (IOException) when (most > 0)
            {
                // The member was quicker to take some of it.
            }
        }
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        var result = await Command.RunAsync(program, arguments);
        if (result.ExitCode != 0)
            throw new InvalidOperationException($"these tests need disks of their own and must be allowed to mount them (root): {program} {string.Join(' ', arguments)}: {result.Error}");
    }
}
