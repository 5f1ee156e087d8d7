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
    public void A_member_that_ran_without_does_not_begin_an_empty_log()
    {
        Run(_disk, null, 0);
        AssertRefused(_disk, Fast, $"the log of this member is in {Inside}");
        Run(_disk, null, 20);
        Copy(_disk, Inside, Fast + "/wal");
        AssertRefused(_disk, Fast, $"the log of this member is in {Inside}");
        Remove(_disk, Inside);
        Run(_disk, Fast, 40);
        AssertRefused(_disk, null, $"start it with --wal-dir {Fast}");
        Run(_disk, Fast, 60);
    }

    [Fact]
    public void A_member_that_ran_with_it_does_not_go_on_without_it_or_elsewhere()
    {
        Run(_disk, Fast, 0);
        AssertRefused(_disk, null, $"start it with --wal-dir {Fast}");
        AssertRefused(_disk, Faster, $"the log of this member is in {Fast}");
        Remove(_disk, Fast + "/wal");
        AssertRefused(_disk, Fast, "empty or missing");
        AssertRefused(_disk, Faster, "empty or missing");
        AssertRefused(_disk, null, $"start it with --wal-dir {Fast}");
    }

    [Fact]
    public void A_log_that_was_moved_is_found_and_an_older_copy_of_it_is_not()
    {
        Run(_disk, Fast, 0);
        SimDisk before = _disk.Clone();
        Copy(_disk, Fast, Faster);
        AssertRefused(_disk, Faster, $"the log of this member is in {Fast}");
        Remove(_disk, Fast);
        Run(_disk, Faster, 20);
        Run(_disk, Faster, 40);

        foreach (string file in before.Files().Where(path => path.StartsWith(Fast, StringComparison.Ordinal)))
            Put(_disk, file, before.Bytes(file));
        AssertRefused(_disk, Fast, $"the log of this member is in {Faster}");
        SimDisk overwritten = _disk.Clone();
        Remove(overwritten, Faster);
        Copy(overwritten, Fast, Faster);
        Remove(overwritten, Fast);
        AssertRefused(overwritten, Faster, "older copy");
        overwritten.Delete(Faster + "/owner");
        Copy(overwritten, Faster, "/third");
        Remove(overwritten, Faster);
        AssertRefused(overwritten, "/third", "a log without the file owner");
        SimDisk gone = _disk.Clone();
        Remove(gone, Faster);
        AssertRefused(gone, Fast, "older copy");
        Run(_disk, Faster, 60);
    }

    [Fact]
    public void A_log_can_come_back_into_the_data_directory()
    {
        Run(_disk, Fast, 0);
        Copy(_disk, Fast + "/wal", Inside);
        AssertRefused(_disk, null, $"the log of this member is in {Fast}");
        AssertRefused(_disk, Fast, $"the log of this member is in {Inside}");
        Remove(_disk, Fast + "/wal");
        Run(_disk, null, 20);
        Run(_disk, Inside, 40); // the same place by its name
        Assert.DoesNotContain("/data/member/log-directory", _disk.Files());
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
        Assert.Contains("holds a log, but the data directory is new", refused.Message, StringComparison.Ordinal);
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
    [InlineData("first start")]
    [InlineData("out of the data directory")]
    [InlineData("to another place")]
    [InlineData("back into the data directory")]
    public void A_crash_at_any_change_of_a_start_in_a_new_place_harms_nothing(string what)
    {
        (string? from, string? to) = what switch
        {
            "first start" => (null, Fast),
            "out of the data directory" => (null, Fast),
            "to another place" => (Fast, Faster),
            _ => (Fast, null),
        };
        ulong entries = 0;
        if (what != "first start")
        {
            Run(_disk, from, 0);
            entries = 20;
            // With the file that says whose it is, or without: people move the one or the other.
            if (from is not null && to is not null)
                Copy(_disk, from, to);
            else
                Copy(_disk, WalOf(from), WalOf(to));
            Remove(_disk, from is not null && to is not null ? from : WalOf(from));
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
            finished = Start(disk, to);
            disk.Crash(new Random(crashes));
            Run(disk, to, entries);
        }

        Assert.True(crashes > 3, $"only {crashes} changes were made");

        static string WalOf(string? place) => place is null ? Inside : place + "/wal";
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
