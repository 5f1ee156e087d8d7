using EtcdNet.Storage.Disk;
using EtcdNet.Testing;

namespace EtcdNet.Storage.Tests;

/// <summary>A log in a directory of its own (--wal-dir): never an empty one, an older copy or another member's in place of the newest.</summary>
public sealed class LogPlaceTests
{
    private const string Data = "/data";
    private const string Fast = "/fast";
    private const string Faster = "/faster";
    private const string Inside = "/data/member/wal";
    private const int BytesMax = 300;
    private readonly SimDisk _disk = new();

    [Fact]
    public void A_member_founded_with_its_log_elsewhere_goes_on_there()
    {
        Run(_disk, Fast, 0);
        Run(_disk, Fast, 20);
        Run(_disk, Fast + "/", 40);
        Assert.DoesNotContain(_disk.Files(), path => path.StartsWith(Inside, StringComparison.Ordinal));
        Assert.Contains(_disk.Files(), path => path.StartsWith(Fast + "/wal/", StringComparison.Ordinal) && path.EndsWith(".log", StringComparison.Ordinal));
    }

    [Fact]
    public void A_member_that_was_founded_without_it_is_refused_with_it_wherever_its_log_was_put()
    {
        Run(_disk, null, 0);
        AssertRefused(_disk, Fast, $"the log of this member is in {Inside}, where it was founded");
        Run(_disk, Inside, 20); // the same place by its name
        SimDisk moved = _disk.Clone();
        Copy(moved, Inside, Fast + "/wal");
        Remove(moved, Inside);
        AssertRefused(moved, Fast, $"the log of this member is in {Inside}, where it was founded");
        Assert.DoesNotContain(_disk.Files(), path => path.EndsWith("log-directory", StringComparison.Ordinal));
        Run(_disk, null, 40);
    }

    [Fact]
    public void A_member_that_was_founded_with_it_does_not_go_on_without_it_or_elsewhere()
    {
        Run(_disk, Fast, 0);
        AssertRefused(_disk, null, $"start it with --wal-dir {Fast}");
        AssertRefused(_disk, Faster, $"the log of this member is in {Fast}, where it was founded");
        SimDisk moved = _disk.Clone();
        Copy(moved, Fast, Faster);
        Remove(moved, Fast);
        AssertRefused(moved, Faster, $"the log of this member is in {Fast}, where it was founded");
        Remove(_disk, Fast + "/wal");
        AssertRefused(_disk, Fast, "empty or missing");
        AssertRefused(_disk, null, $"start it with --wal-dir {Fast}");
    }

    [Fact]
    public void A_copy_from_before_the_last_start_is_refused()
    {
        Run(_disk, Fast, 0);
        SimDisk before = _disk.Clone();
        Run(_disk, Fast, 20);
        SimDisk restored = _disk.Clone();
        Remove(restored, Fast);
        foreach (string file in before.Files().Where(path => path.StartsWith(Fast, StringComparison.Ordinal)))
            Put(restored, file, before.Bytes(file));
        AssertRefused(restored, Fast, "or an older copy");
        restored.Delete(Fast + "/owner");
        AssertRefused(restored, Fast, "a log without the file owner");
        Run(_disk, Fast, 40);
    }

    [Fact]
    public void A_first_start_that_was_interrupted_is_ended_in_the_place_that_it_began_in()
    {
        foreach ((string? first, string? second, string says) in new[] { (null, Fast, "was interrupted and has left"), (Fast, (string?)null, $"with --wal-dir {Fast} was interrupted"), (Fast, Faster, "another directory was given before") })
        {
            var whole = new SimDisk();
            Run(whole, first, 0);
            bool refused = false;
            for (int changes = 1; ; changes++)
            {
                var disk = new SimDisk();
                disk.BeforeChange = (operation, path) =>
                {
                    if (disk.Changes >= changes)
                        throw new DiskFailedException(operation, path, "power cut (planted)");
                };
                if (Start(disk, first))
                    break;
                disk.Crash(new Random(changes));
                disk.BeforeChange = null;
                // Until something of the first place is on the disk, the second one is as good.
                bool begun = disk.Files().Any(path => path.StartsWith(Inside + "/", StringComparison.Ordinal) || path.EndsWith("log-directory", StringComparison.Ordinal));
                bool ready = DataDirectory.HasMember(disk, Data);
                if (begun && !ready)
                {
                    AssertRefused(disk, second, says);
                    refused = true;
                }

                Run(disk, begun || ready ? first : second, 0);
            }

            Assert.True(refused, $"from {first} to {second}");
        }
    }

    [Fact]
    public void The_log_of_another_member_is_refused_and_left_as_it_is()
    {
        Run(_disk, Fast, 0);
        byte[] log = _disk.Bytes(Log(_disk, Fast));
        DataDirectoryException refused = Assert.Throws<DataDirectoryException>(() => new ToyMember(_disk, "/other", With(Fast)));
        Assert.Contains($"{Fast}/wal holds files, but the marker /other/member/format is missing", refused.Message, StringComparison.Ordinal);
        using (var other = new ToyMember(_disk, "/other", With(Faster)))
            other.Write(new Random(1), 3, BytesMax);
        using (DataDirectory begun = DataDirectory.Open(_disk, "/begun"))
            Assert.True(begun.IsNew);
        refused = Assert.Throws<DataDirectoryException>(() => new ToyMember(_disk, "/begun", With(Fast)));
        Assert.Contains("but the data directory is new", refused.Message, StringComparison.Ordinal);
        Assert.Equal(log, _disk.Bytes(Log(_disk, Fast)));
        Remove(_disk, Fast + "/wal");
        Copy(_disk, Faster + "/wal", Fast + "/wal");
        _disk.Delete(Fast + "/owner");
        Put(_disk, Fast + "/owner", _disk.Bytes(Faster + "/owner"));
        AssertRefused(_disk, Fast, "the log of another data directory");
        Assert.Equal(_disk.Bytes(Log(_disk, Faster)), _disk.Bytes(Log(_disk, Fast)));
        Assert.NotEqual(log, _disk.Bytes(Log(_disk, Fast)));
    }

    [Fact]
    public void A_log_directory_in_use_a_foreign_one_and_one_in_the_data_directory_are_refused()
    {
        using (new ToyMember(_disk, Data, With(Fast)))
        {
            DataDirectoryException inUse = Assert.Throws<DataDirectoryException>(() => new ToyMember(_disk, "/other", With(Fast)));
            Assert.Contains("is in use", inUse.Message, StringComparison.Ordinal);
        }

        Put(_disk, "/photos/cat.jpg", [1]);
        Put(_disk, "/etcd/0000000000000000-0000000000000000.wal", [1]);
        Assert.Contains("holds cat.jpg", Refused("/photos"), StringComparison.Ordinal);
        Assert.Contains(".wal, which EtcdNet did not make", Refused("/etcd"), StringComparison.Ordinal);
        Assert.Contains("is a file", Refused("/photos/cat.jpg"), StringComparison.Ordinal);
        Assert.Contains("inside of the data directory", Refused("/new/wal"), StringComparison.Ordinal);
        Assert.Contains("inside of the data directory", Refused("/new"), StringComparison.Ordinal);

        string Refused(string place) => Assert.Throws<DataDirectoryException>(() => new ToyMember(_disk, "/new", With(place))).Message;
    }

    [Theory]
    [InlineData("/data/member/log-directory")]
    [InlineData(Fast + "/owner")]
    public void A_damaged_record_is_refused(string file)
    {
        Run(_disk, Fast, 0);
        for (int i = 0; i < _disk.Bytes(file).Length; i++)
        {
            SimDisk damaged = _disk.Clone();
            int at = i;
            damaged.Corrupt(file, bytes => bytes[at] ^= 0x10);
            AssertRefused(damaged, Fast, $"{file} ({damaged.Bytes(file).Length} bytes) is damaged");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_crash_at_any_change_of_a_start_harms_nothing(bool isLater)
    {
        ulong entries = 0;
        if (isLater)
        {
            Run(_disk, Fast, 0);
            entries = 20;
        }

        int crashes = 0;
        for (bool finished = false; !finished; crashes++)
        {
            SimDisk disk = _disk.Clone();
            long crashAt = disk.Changes + crashes;
            disk.BeforeChange = (operation, path) =>
            {
                if (disk.Changes >= crashAt)
                    throw new DiskFailedException(operation, path, "power cut (planted)");
            };
            finished = Start(disk, Fast);
            SimDisk before = disk.Clone();
            disk.Crash(new Random(crashes));
            Run(disk, Fast, entries);
            // What was copied before that start is old now, however often a start was interrupted.
            Remove(disk, Fast);
            foreach (string file in before.Files().Where(path => path.StartsWith(Fast, StringComparison.Ordinal)))
                Put(disk, file, before.Bytes(file));
            Assert.Throws<DataDirectoryException>(() => new ToyMember(disk, Data, With(Fast)));
        }

        Assert.True(crashes > 3, $"only {crashes} changes were made");
    }

    private static bool Start(SimDisk disk, string? place)
    {
        try
        {
            using var member = new ToyMember(disk, Data, With(place));
            return true;
        }
        catch (Exception error) when (error is DiskFailedException || error.InnerException is DiskFailedException)
        {
            return false;
        }
    }

    private static MemberFilesOptions With(string? place) => ToyMember.SimOptions with { LogDirectory = place };

    // Everything must be there, and twenty more entries.
    private static void Run(SimDisk disk, string? place, ulong entries)
    {
        using var member = new ToyMember(disk, Data, With(place));
        Assert.Equal(entries, member.LastIndex);
        member.AssertComplete(entries, BytesMax);
        member.Write(new Random(7), 20, BytesMax);
    }

    private static void AssertRefused(SimDisk disk, string? place, string says)
    {
        string[] before = [.. disk.Files().Where(path => !path.EndsWith("/lock", StringComparison.Ordinal)).Select(path => $"{path} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(disk.Bytes(path)))}")];
        DataDirectoryException refused = Assert.Throws<DataDirectoryException>(() => new ToyMember(disk, Data, With(place)));
        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, disk.Files().Where(path => !path.EndsWith("/lock", StringComparison.Ordinal)).Select(path => $"{path} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(disk.Bytes(path)))}"));
    }

    private static string Log(SimDisk disk, string place) => disk.Files().First(path => path.StartsWith(place + "/wal/", StringComparison.Ordinal) && path.EndsWith(".log", StringComparison.Ordinal));

    private static void Copy(SimDisk disk, string from, string to)
    {
        foreach (string path in disk.Files().Where(path => path.StartsWith(from + "/", StringComparison.Ordinal)).ToList())
            Put(disk, to + path[from.Length..], disk.Bytes(path));
    }

    private static void Remove(SimDisk disk, string directory)
    {
        foreach (string path in disk.Files().Where(path => path.StartsWith(directory + "/", StringComparison.Ordinal)).ToList())
            disk.Delete(path);
        Sync(disk, directory);
    }

    private static void Put(SimDisk disk, string path, byte[] bytes)
    {
        MakeDirectory(disk, Path.GetDirectoryName(path)!);
        using (IDiskFile file = disk.Open(path, DiskOpenMode.Create))
        {
            file.Write(0, bytes);
            file.Sync();
        }

        Sync(disk, Path.GetDirectoryName(path)!);
    }

    private static void MakeDirectory(SimDisk disk, string path)
    {
        if (disk.DirectoryExists(path))
            return;
        MakeDirectory(disk, Path.GetDirectoryName(path)!);
        disk.CreateDirectoryDurably(path);
    }

    private static void Sync(SimDisk disk, string directory)
    {
        for (string? path = directory; path is not null; path = Path.GetDirectoryName(path))
        {
            if (disk.DirectoryExists(path))
                disk.SyncDirectory(path);
        }
    }
}
