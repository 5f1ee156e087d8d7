using EtcdNet.Raft;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.WriteAhead;
using EtcdNet.Testing;

namespace EtcdNet.Storage.Tests.Faults;

/// <summary>What the log does when the disk or the process fails under it.</summary>
public sealed class LogFaultTests
{
    private const string Directory = "/wal";
    private const string Mark = Directory + "/synced";
    private static readonly WalMetadata s_metadata = new(1, 2);
    private static readonly WalOptions s_options = new() { SegmentBytes = 4096, PrepareAhead = false };

    [Fact]
    public void A_power_cut_may_lose_the_mark_but_never_leaves_one_that_says_too_much()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            SimDisk disk = NewDisk();
            Wal wal = Wal.Create(disk, Directory, s_metadata, s_options);
            long end = disk.Changes + random.Next(1, 120);
            disk.BeforeChange = (operation, path) =>
            {
                if (disk.Changes >= end)
                    throw new DiskFailedException(operation, path, "power cut (planted)");
            };
            ulong saved = 0;
            void SaveOn()
            {
                for (; ; saved++)
                    wal.Save(new HardState(1, 1, saved), [EntryOf(saved + 1)]);
            }

            Assert.Throws<DiskFailedException>(SaveOn);
            disk.Crash(random);
            WalContents contents = Wal.Read(disk, Directory);
            Assert.True(contents.LastIndex >= saved, $"seed {seed}: {saved} entries were saved, {contents.LastIndex} are there");
        }
    }

    /// <summary>
    /// kill -9 leaves in the kernel what was written but not synced. A start reads it, and may tell others of it, so it has to be on
    /// the disk before the start goes on: the power may fail next.
    /// </summary>
    [Theory]
    [InlineData("fdatasync")]
    [InlineData("rename")]
    [InlineData("fsync")]
    public void What_a_start_has_read_survives_a_power_cut(string operation)
    {
        const int saves = 30; // some segments
        var seen = new List<string>();
        SimDisk rehearsal = NewDisk();
        SaveUntil(rehearsal, saves, (what, _) => seen.Add(what));
        int[] places = [.. Enumerable.Range(0, seen.Count).Where(i => seen[i] == operation)];
        Assert.NotEmpty(places);
        foreach (int place in places)
        {
            SimDisk disk = NewDisk();
            int changes = 0;
            void Kill(string what, string path)
            {
                if (changes++ == place)
                    throw new DiskFailedException(what, path, "killed (planted)");
            }

            Assert.Throws<DiskFailedException>(() => SaveUntil(disk, saves, Kill));
            disk.Kill();
            (Wal wal, WalContents contents) = Wal.Open(disk, Directory, 1, s_options);
            disk.Crash(new Random(place), TornWrites.LoseAll);
            Assert.Throws<DiskFailedException>(wal.Dispose);
            Assert.Equal(contents.LastIndex, Wal.Read(disk, Directory).LastIndex);
        }
    }

    private static void SaveUntil(SimDisk disk, ulong last, Action<string, string> beforeChange)
    {
        Wal wal = Wal.Create(disk, Directory, s_metadata, s_options);
        disk.BeforeChange = beforeChange;
        for (ulong i = 1; i <= last; i++)
            wal.Save(new HardState(1, 1, i - 1), [EntryOf(i)]);
    }

    [Fact]
    public void A_mark_of_another_log_refuses()
    {
        SimDisk other = NewDisk();
        using (Wal wal = Wal.Create(other, Directory, s_metadata, s_options))
            wal.Save(null, [EntryOf(1)]);
        SimDisk disk = NewDisk();
        using (Wal wal = Wal.Create(disk, Directory, s_metadata, s_options))
            wal.Save(null, [EntryOf(1)]);
        disk.Put(Mark, other.Bytes(Mark));
        WalDamagedException refused = Assert.Throws<WalDamagedException>(() => Wal.Read(disk, Directory));
        Assert.Contains(Mark, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_torn_mark_leaves_the_one_before()
    {
        SimDisk disk = NewDisk();
        Wal wal = Wal.Create(disk, Directory, s_metadata, s_options);
        wal.Save(null, [EntryOf(1)]);
        wal.Save(null, [EntryOf(2)]);
        WalSyncedPlace newest = Assert.NotNull(WalSyncedMark.Read(disk, Directory, out _));
        foreach (int slot in new[] { 0, 512 })
        {
            SimDisk torn = disk.Clone();
            torn.Corrupt(Mark, bytes => bytes[slot + 9] ^= 1);
            WalSyncedPlace left = Assert.NotNull(WalSyncedMark.Read(torn, Directory, out string? problem));
            Assert.Null(problem);
            Assert.True(left == newest || newest.IsBehind(left));
        }

        wal.Dispose();
    }

    [Fact]
    public void A_log_that_cannot_be_read_refuses_and_names_the_place()
    {
        SimDisk disk = NewDisk();
        Wal.Create(disk, Directory, s_metadata, s_options).Dispose();
        disk.BeforeRead = static (path, offset) =>
        {
            if (path.EndsWith(".log", StringComparison.Ordinal))
                throw new IOException($"{path} cannot be read at offset {offset}: Input/output error (planted)");
        };
        DataDirectoryException refused = Assert.Throws<DataDirectoryException>(() => Wal.Open(disk, Directory, 1, s_options));
        Assert.Contains(".log cannot be read at offset 0", refused.Message, StringComparison.Ordinal);
        Assert.Contains(DamageAdvice.Text, refused.Message, StringComparison.Ordinal);
    }

    private static Entry EntryOf(ulong index)
    {
        byte[] data = new byte[300];
        new Random((int)index).NextBytes(data);
        return new Entry(EntryType.Normal, 1, index, data);
    }

    private static SimDisk NewDisk()
    {
        var disk = new SimDisk();
        disk.CreateDirectory(Directory);
        return disk;
    }
}
