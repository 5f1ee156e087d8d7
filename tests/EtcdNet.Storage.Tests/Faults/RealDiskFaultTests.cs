using System.Runtime.Versioning;
using EtcdNet.Storage.Disk;
using EtcdNet.Testing;

namespace EtcdNet.Storage.Tests.Faults;

/// <summary>Errors that Linux itself gives: /dev/full has no space, and nobody can read the first page of /proc/self/mem.</summary>
[SupportedOSPlatform("linux")]
public sealed class RealDiskFaultTests
{
    [Fact]
    public void After_no_space_left_nothing_is_written_or_synced_any_more()
    {
        using var temp = new TempDirectory();
        var disk = new FileDisk();
        using IDiskFile other = disk.Open(Path.Combine(temp.Path, "other"), DiskOpenMode.Create);
        using IDiskFile full = disk.Open("/dev/full", DiskOpenMode.ReadWrite);
        DiskFailedException first = Assert.Throws<DiskFailedException>(() => full.Write(0, "x"u8));
        Assert.Contains("/dev/full", first.Message, StringComparison.Ordinal);
        Assert.Contains("No space left on device", first.Message, StringComparison.Ordinal);
        Action[] changes =
        [
            () => other.Write(0, "x"u8), other.Sync, () => other.Allocate(1), () => other.SetLength(1),
            () => disk.Rename(other.Path, other.Path + "2"), () => disk.Delete(other.Path), () => disk.SyncDirectory(temp.Path),
            () => disk.CreateDirectory(Path.Combine(temp.Path, "sub")), () => disk.Open(Path.Combine(temp.Path, "new"), DiskOpenMode.Create),
        ];
        Assert.All(changes, change => Assert.Throws<DiskFailedException>(change));
        Assert.Equal(["other"], disk.List(temp.Path));
        Assert.Equal(0, other.Length);
    }

    [Fact]
    public void A_read_error_names_file_and_offset_and_stops_nobody()
    {
        using var temp = new TempDirectory();
        var disk = new FileDisk();
        using (IDiskFile memory = disk.Open("/proc/self/mem", DiskOpenMode.Read))
        {
            IOException error = Assert.Throws<IOException>(() => memory.Read(64, new byte[8]));
            Assert.StartsWith("/proc/self/mem cannot be read at offset 64: ", error.Message, StringComparison.Ordinal);
            Assert.Contains("Input/output error", error.Message, StringComparison.Ordinal);
        }

        using IDiskFile file = disk.Open(Path.Combine(temp.Path, "file"), DiskOpenMode.Create);
        file.Write(0, "still works"u8);
        file.Sync();
    }

    [Theory]
    [InlineData(1000, 1000, true)]
    [InlineData(999, 1000, false)]
    [InlineData(1000, DiskSpaceGuard.ReserveFiles - 1, false)]
    [InlineData(1000, DiskSpaceGuard.ReserveFiles, true)]
    public void The_reserve_is_of_bytes_and_of_files(long freeBytes, long freeFiles, bool hasRoom)
    {
        var disk = new SimDisk { Free = freeBytes, FilesLeft = freeFiles };
        Assert.Equal(hasRoom, new DiskSpaceGuard(disk, ["/"], 1000, TimeProvider.System).HasRoom);
    }

    [Fact]
    public void Free_files_are_those_of_the_file_system()
    {
        using var temp = new TempDirectory();
        Assert.InRange(new FileDisk().FreeFiles(temp.Path), 1, long.MaxValue);
    }
}
