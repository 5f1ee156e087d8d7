using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Faults;

/// <summary>A file system of its own with few bytes or few inodes: a tmpfs. Mounting needs root, here and in CI.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private readonly TempDirectory _directory = new();

    private SmallDisk()
    {
    }

    /// <summary>Where a member may keep its data.</summary>
    public string DataDirectory => Path.Combine(Root, "data");

    // Beside the data directory, on the same file system.
    private string Ballast => Path.Combine(Root, "ballast");

    private string Root => _directory.At("disk");

    /// <summary>Mounts one.</summary>
    /// <param name="options">Of tmpfs: size, nr_inodes.</param>
    public static async Task<SmallDisk> MountAsync(string options)
    {
        var disk = new SmallDisk();
        Directory.CreateDirectory(disk.Root);
        try
        {
            await disk.MountWithAsync(options);
            return disk;
        }
        catch
        {
            disk._directory.Dispose();
            throw;
        }
    }

    /// <summary>Changes the limits; what is on it stays.</summary>
    public Task ResizeAsync(string options) => MountWithAsync("remount," + options);

    /// <summary>Somebody else takes every byte that is left.</summary>
    public void FillWithBytes()
    {
        var block = new byte[1 << 16];
        // Page by page at the end, so that nothing is left.
        for (var size = block.Length; size >= 4096; size /= 2)
            AppendUntilFull(block.AsSpan(0, size));
    }

    /// <summary>Somebody else makes files until there are so many inodes left.</summary>
    public void FillWithFiles(int left)
    {
        Directory.CreateDirectory(Ballast + "-files");
        var made = new List<string>();
        try
        {
            while (true)
            {
                var path = Path.Combine(Ballast + "-files", $"{made.Count}");
                using (File.Create(path))
                    made.Add(path);
            }
        }
        catch (IOException)
        {
            foreach (var path in made.TakeLast(left))
                File.Delete(path);
        }
    }

    /// <summary>What somebody else took is free again.</summary>
    public void Free()
    {
        File.Delete(Ballast);
        if (Directory.Exists(Ballast + "-files"))
            Directory.Delete(Ballast + "-files", recursive: true);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        var result = await Command.RunAsync("umount", [Root]);
        Assert.True(result.ExitCode == 0, $"umount of {Root}: {result.Error}");
        _directory.Dispose();
    }

    private void AppendUntilFull(ReadOnlySpan<byte> block)
    {
        try
        {
            using var file = new FileStream(Ballast, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
            while (true)
                file.Write(block);
        }
        catch (IOException)
        {
            // As it must be.
        }
    }

    private async Task MountWithAsync(string options)
    {
        var result = await Command.RunAsync("mount", ["-t", "tmpfs", "-o", options, "etcdnet-test", Root]);
        if (result.ExitCode != 0)
            throw new InvalidOperationException($"this test needs a small disk of its own and must be allowed to mount a tmpfs (root, CAP_SYS_ADMIN): {result.Error}");
    }
}
