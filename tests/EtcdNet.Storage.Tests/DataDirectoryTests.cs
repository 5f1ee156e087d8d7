using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage.Tests;

/// <summary>What is not ours is refused with a sentence for the operator, and left alone.</summary>
public sealed class DataDirectoryTests
{
    private readonly FileDisk _disk = new();

    [Fact]
    public void A_second_opener_is_told_who_is_in_the_way()
    {
        using var temp = new TempDirectory();
        using DataDirectory first = DataDirectory.Open(_disk, temp.Path);
        Assert.True(first.IsNew);
        DataDirectoryException refused = Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(new FileDisk(), temp.Path));
        Assert.Contains(temp.Path, refused.Message, StringComparison.Ordinal);
        Assert.Contains("another process", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("log", "holds log")]
    [InlineData("member/log", "holds log")]
    public void A_log_directory_inside_is_refused_by_another_name_too_and_before_anything_is_founded(string inside, string reason)
    {
        using var temp = new TempDirectory();
        string real = temp.Sub("real"), link = Path.Combine(temp.Path, "link");
        Directory.CreateSymbolicLink(link, real);
        DataDirectoryException refused = Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(_disk, link, Path.Combine(real, inside)));
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        Assert.False(DataDirectory.HasMember(_disk, link));
        Directory.Delete(Path.Combine(real, inside), recursive: true);
        using DataDirectory directory = DataDirectory.Open(_disk, link, Path.Combine(temp.Path, "elsewhere"));
        Assert.True(directory.IsNew);
    }

    [Fact]
    public void A_start_that_did_not_finish_begins_again_and_a_finished_one_is_known()
    {
        using var temp = new TempDirectory();
        using (DataDirectory first = DataDirectory.Open(_disk, temp.Path))
            File.WriteAllText(Path.Combine(first.Wal, "left-over"), "x");
        using (DataDirectory second = DataDirectory.Open(_disk, temp.Path))
        {
            Assert.True(second.IsNew);
            Assert.Empty(Directory.GetFiles(second.Wal));
            Assert.False(DataDirectory.HasMember(_disk, temp.Path));
            second.CompleteInitialisation();
        }

        Assert.True(DataDirectory.HasMember(_disk, temp.Path));
        using DataDirectory third = DataDirectory.Open(_disk, temp.Path);
        Assert.False(third.IsNew);
    }

    [Theory]
    [InlineData("member/snap/db", "etcd")]
    [InlineData("member/wal/0000000000000000-0000000000000000.wal", "etcd")]
    [InlineData("member/wal/something", "marker")]
    [InlineData("member/notes.txt", "notes.txt")]
    [InlineData("photo.jpg", "photo.jpg")]
    [InlineData("member", "not a directory")]
    public void Foreign_directories_are_refused_and_unchanged(string file, string says)
    {
        using var temp = new TempDirectory();
        string path = Path.Combine(temp.Path, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "not yours");
        DataDirectoryException refused = Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(_disk, temp.Path));
        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        Assert.Equal("not yours", File.ReadAllText(path));
        Assert.False(File.Exists(Path.Combine(temp.Path, "member", "format")));
    }

    [Fact]
    public void A_damaged_or_newer_marker_and_a_missing_directory_are_refused()
    {
        using var temp = new TempDirectory();
        string marker;
        using (DataDirectory first = DataDirectory.Open(_disk, temp.Path))
        {
            marker = Path.Combine(first.Member, "format");
            first.CompleteInitialisation();
        }

        byte[] good = File.ReadAllBytes(marker);
        for (int i = 0; i < good.Length; i++)
        {
            byte[] bad = [.. good];
            bad[i] ^= 0x10;
            File.WriteAllBytes(marker, bad);
            if (i >= good.Length - 12) // the text before is for humans, but it is under the checksum too
                Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(_disk, temp.Path));
        }

        File.WriteAllBytes(marker, good);
        Directory.Delete(Path.Combine(temp.Path, "member", "checkpoint"));
        Assert.Contains("missing", Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(_disk, temp.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_in_place_of_the_directory_is_refused()
    {
        using var temp = new TempDirectory();
        string path = Path.Combine(temp.Path, "data");
        File.WriteAllText(path, "");
        Assert.Contains("is a file", Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(_disk, path)).Message, StringComparison.Ordinal);
    }
}
