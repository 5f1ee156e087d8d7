using EtcdNet.Raft;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.WriteAhead;
using EtcdNet.Testing;
using Xunit.Abstractions;

namespace EtcdNet.Storage.Tests;

/// <summary>The log survives what a disk does to it, or says that it did not.</summary>
public sealed class WalTests(ITestOutputHelper output)
{
    private const string Directory = "/wal";
    private static readonly WalMetadata s_metadata = new(0x11, 0x22);
    private static readonly WalOptions s_options = new() { SegmentBytes = 4096, PrepareAhead = false };

    [Fact]
    public void What_was_saved_is_read_again()
    {
        SimDisk disk = NewDisk();
        using (Wal wal = Wal.Create(disk, Directory, s_metadata, s_options))
        {
            for (ulong i = 1; i <= 100; i++)
                wal.Save(new HardState(1 + i / 10, 7, i - 1), [EntryOf(1 + i / 10, i, 100)]);
            Assert.True(wal.SegmentCount > 2);
        }

        (Wal again, WalContents contents) = Wal.Open(disk, Directory, 51, s_options);
        using (again)
        {
            Assert.Equal(s_metadata, contents.Metadata);
            Assert.Equal(new HardState(11, 7, 99), contents.HardState);
            Assert.Equal((51UL, 100UL), (contents.FirstIndex, contents.LastIndex));
            Assert.All(contents.Entries, entry => AssertEntry(entry, EntryOf(1 + entry.Index / 10, entry.Index, 100)));
            again.Save(null, [EntryOf(11, 101, 10)]);
        }

        Assert.Equal(101UL, Wal.Read(disk, Directory).LastIndex);
    }

    [Fact]
    public void A_later_entry_replaces_the_tail()
    {
        SimDisk disk = NewDisk();
        using (Wal wal = Wal.Create(disk, Directory, s_metadata, s_options))
        {
            wal.Save(new HardState(1, 0, 1), [EntryOf(1, 1, 10), EntryOf(1, 2, 10), EntryOf(1, 3, 10)]);
            wal.Save(new HardState(2, 0, 1), [EntryOf(2, 2, 20)]);
            Assert.Throws<InvalidOperationException>(() => wal.Save(null, [EntryOf(2, 5, 1)]));
        }

        WalContents contents = Wal.Read(disk, Directory);
        Assert.Equal([new EntryId(1, 1), new EntryId(2, 2)], contents.Entries.Select(entry => entry.Id));
    }

    [Fact]
    public void A_snapshot_mark_drops_what_is_before_it()
    {
        SimDisk disk = NewDisk();
        using (Wal wal = Wal.Create(disk, Directory, s_metadata, s_options))
        {
            wal.Save(new HardState(1, 0, 1), [EntryOf(1, 1, 10)]);
            wal.SaveSnapshot(new WalSnapshotMark(1000, 3), new HardState(3, 0, 1000));
            wal.Save(null, [EntryOf(3, 1001, 10)]);
        }

        WalContents contents = Wal.Read(disk, Directory);
        Assert.Equal((1001UL, 1001UL, 1000UL), (contents.FirstIndex, contents.LastIndex, contents.HardState.Commit));
    }

    [Fact]
    public void Released_segments_are_gone_and_the_rest_is_complete()
    {
        SimDisk disk = NewDisk();
        using Wal wal = Wal.Create(disk, Directory, s_metadata, s_options);
        for (ulong i = 1; i <= 200; i++)
            wal.Save(new HardState(1, 1, i - 1), [EntryOf(1, i, 100)]);
        int before = wal.SegmentCount;
        Assert.InRange(wal.ReleaseBefore(120), 1, before - 1);
        WalContents contents = Wal.Read(disk, Directory, 120);
        Assert.Equal((120UL, 200UL), (contents.FirstIndex, contents.LastIndex));
        Assert.InRange(Wal.Read(disk, Directory).FirstIndex, 2UL, 120UL);
    }

    [Fact]
    public void Cut_at_every_byte_it_refuses_or_keeps_a_beginning_when_the_mark_is_gone_too()
    {
        SimDisk disk = SmallLog(out string last, clean: false);
        SimDisk marked = disk.Clone();
        disk.Lose(Path.Combine(Directory, "synced"));
        byte[] whole = disk.Bytes(last);
        int used = Array.FindLastIndex(whole, b => b != 0) + 1;
        WalContents full = Wal.Read(disk, Directory);
        int kept = 0;
        for (int cut = 0; cut <= used; cut++)
        {
            SimDisk withMark = marked.Clone();
            withMark.Corrupt(last, bytes => bytes.AsSpan(cut).Clear());
            bool changed = whole.AsSpan(cut).ContainsAnyExcept((byte)0);
            Assert.True(TryRead(withMark, out _) != changed, $"the log was wiped out from byte {cut} of {used} on and nobody noticed");
            SimDisk copy = disk.Clone();
            copy.Corrupt(last, bytes => bytes.AsSpan(cut).Clear());
            if (TryRead(copy, out WalContents? contents))
            {
                AssertBeginning(full, contents);
                kept++;
            }
        }

        Assert.InRange(kept, 1, used);
    }

    [Fact]
    public void Every_flipped_byte_is_noticed_or_only_takes_the_last_batch_when_the_mark_is_gone_too()
    {
        SimDisk disk = SmallLog(out _, clean: false);
        disk.Lose(Path.Combine(Directory, "synced"));
        WalContents full = Wal.Read(disk, Directory);
        foreach (string path in Segments(disk))
        {
            int used = Array.FindLastIndex(disk.Bytes(path), b => b != 0) + 1;
            for (int at = 0; at < used; at++)
            {
                SimDisk copy = disk.Clone();
                copy.Corrupt(path, bytes => bytes[at] ^= 0x41);
                if (!TryRead(copy, out WalContents? contents))
                    continue;
                AssertBeginning(full, contents);
                // Only the very last batch cannot be told from an interrupted write.
                Assert.InRange(contents.LastIndex, full.LastIndex - 1, full.LastIndex);
            }
        }
    }

    [Fact]
    public void After_a_clean_stop_every_flipped_byte_of_a_record_refuses()
    {
        SimDisk disk = SmallLog(out string last, clean: true);
        WalContents full = Wal.Read(disk, Directory);
        int end = Array.FindLastIndex(disk.Bytes(last), b => b != 0) + 1;
        const int CloseFrameBytes = 24;
        for (int at = 0; at < end - CloseFrameBytes; at++)
        {
            SimDisk copy = disk.Clone();
            copy.Corrupt(last, bytes => bytes[at] ^= 0x10);
            Assert.False(TryRead(copy, out _), $"byte {at} of {end} was flipped and nobody noticed");
        }

        Assert.Equal(40UL, full.LastIndex);
    }

    [Fact]
    public void Zeroed_sectors_in_the_middle_refuse()
    {
        SimDisk disk = SmallLog(out _, clean: true);
        foreach (string path in Segments(disk))
        {
            int used = Array.FindLastIndex(disk.Bytes(path), b => b != 0) + 1;
            for (int sector = 0; sector + 512 <= used - 512; sector += 512)
            {
                SimDisk copy = disk.Clone();
                copy.Corrupt(path, bytes => bytes.AsSpan(sector, 512).Clear());
                Assert.False(TryRead(copy, out _));
            }
        }
    }

    [Fact]
    public void A_missing_segment_refuses()
    {
        SimDisk disk = SmallLog(out _, clean: true);
        string[] names = Segments(disk);
        Assert.True(names.Length >= 3);
        for (int i = 1; i < names.Length; i++)
        {
            SimDisk copy = disk.Clone();
            copy.Lose(names[i]);
            Assert.False(TryRead(copy, out _), $"segment {names[i]} is missing and nobody noticed");
        }

        SimDisk withoutFirst = disk.Clone();
        withoutFirst.Lose(names[0]);
        Assert.True(Wal.Read(withoutFirst, Directory).FirstIndex > 1); // looks like a released one; MemberFiles refuses the gap
        SimDisk empty = disk.Clone();
        foreach (string name in names)
            empty.Lose(name);
        Assert.False(TryRead(empty, out _));
    }

    [Fact]
    public void Whatever_was_saved_survives_crashes_at_any_point()
    {
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        for (int round = 0; round < 300; round++)
            CrashRound(new Random(seed + round), $"seed {seed} round {round}");
    }

    [Fact]
    public void A_sync_that_failed_is_never_repeated()
    {
        SimDisk disk = NewDisk();
        Wal wal = Wal.Create(disk, Directory, s_metadata, s_options);
        wal.Save(null, [EntryOf(1, 1, 10)]);
        int syncs = 0;
        disk.BeforeChange = (operation, path) =>
        {
            if (operation == "fdatasync" && syncs++ == 0)
                throw new DiskFailedException(operation, path, "I/O error (planted)");
        };
        Assert.Throws<DiskFailedException>(() => wal.Save(null, [EntryOf(1, 2, 10)]));
        Assert.Throws<InvalidOperationException>(() => wal.Save(null, [EntryOf(1, 2, 10)]));
        long changes = disk.Changes;
        wal.Dispose();
        Assert.Equal((1, changes), (syncs, disk.Changes));
    }

    [Fact]
    public void Out_of_space_stops_the_log_and_loses_nothing()
    {
        SimDisk disk = NewDisk();
        Wal wal = Wal.Create(disk, Directory, s_metadata, s_options);
        disk.BeforeChange = (operation, path) =>
        {
            if (operation == "fallocate")
                throw new DiskFailedException(operation, path, "No space left on device (planted)");
        };
        ulong saved = 0;
        Assert.Throws<DiskFailedException>(() =>
        {
            for (ulong i = 1; i <= 1000; saved = i++)
                wal.Save(null, [EntryOf(1, i, 200)]);
        });
        wal.Dispose();
        disk.Crash(new Random(1), TornWrites.LoseAll);
        Assert.Equal(saved, Wal.Read(disk, Directory).LastIndex);
    }

    [Fact]
    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    public void The_real_disk_gives_back_what_was_saved()
    {
        using var temp = new TempDirectory();
        var disk = new FileDisk();
        using (Wal wal = Wal.Create(disk, temp.Path, s_metadata, new WalOptions { SegmentBytes = 1 << 20 }))
        {
            for (ulong i = 1; i <= 1000; i++)
                wal.Save(new HardState(1, 1, i - 1), [EntryOf(1, i, 3000)]);
        }

        (Wal again, WalContents contents) = Wal.Open(disk, temp.Path);
        again.Dispose();
        Assert.Equal(1000, contents.Entries.Count);
        Assert.All(contents.Entries, entry => AssertEntry(entry, EntryOf(1, entry.Index, 3000)));
        Assert.DoesNotContain(disk.List(temp.Path), name => name.EndsWith(".tmp", StringComparison.Ordinal));
        Assert.All(System.IO.Directory.GetFiles(temp.Path), path => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path)));
    }

    private static void CrashRound(Random random, string what)
    {
        SimDisk disk = NewDisk();
        Wal wal = Wal.Create(disk, Directory, s_metadata, s_options);
        var saved = new List<Entry>();
        var hardState = default(HardState);
        for (int life = 0; life < 4; life++)
        {
            long crashAt = disk.Changes + random.Next(1, 60);
            disk.BeforeChange = (operation, path) =>
            {
                if (disk.Changes >= crashAt)
                    throw new DiskFailedException(operation, path, "power cut (planted)");
            };
            (List<Entry> lost, HardState lostState) = RunUntilCrash(wal, random, saved, ref hardState);
            disk.Crash(random);
            (wal, WalContents contents) = Wal.Open(disk, Directory, 1, s_options);
            AssertRecovered(contents, saved, lost, hardState, lostState, what);
            saved = [.. contents.Entries];
            hardState = contents.HardState;
        }

        wal.Dispose();
    }

    // What was being saved at the power cut may be there, in part, or not.
    private static (List<Entry> Lost, HardState LostState) RunUntilCrash(Wal wal, Random random, List<Entry> saved, ref HardState hardState)
    {
        while (true)
        {
            ulong term = hardState.Term + (random.Next(4) == 0 || hardState.Term == 0 ? 1UL : 0);
            ulong first = (ulong)saved.Count + 1;
            if (random.Next(6) == 0)
                first = Math.Max(hardState.Commit + 1, first - Math.Min(first, (ulong)random.Next(3)));
            List<Entry> batch = [.. Enumerable.Range(0, random.Next(1, 5)).Select(i => EntryOf(term, first + (ulong)i, random.Next(900)))];
            var state = new HardState(term, (ulong)random.Next(3), Math.Max(hardState.Commit, first - 1));
            try
            {
                wal.Save(state, batch);
            }
            catch (DiskFailedException)
            {
                return (batch, state);
            }

            saved.RemoveRange((int)first - 1, saved.Count - (int)first + 1);
            saved.AddRange(batch);
            hardState = state;
        }
    }

    private static void AssertRecovered(
        WalContents contents, List<Entry> saved, List<Entry> lost, HardState hardState, HardState lostState, string what)
    {
        int shared = (int)lost[0].Index - 1;
        Assert.True(contents.Entries.Count >= Math.Min(saved.Count, shared), what);
        for (int i = 0; i < contents.Entries.Count; i++)
        {
            bool ofSaved = i < saved.Count && Same(contents.Entries[i], saved[i]);
            bool ofLost = i >= shared && i - shared < lost.Count && Same(contents.Entries[i], lost[i - shared]);
            Assert.True(ofSaved || ofLost, $"{what}: entry {i + 1} is neither what was saved nor what was being saved");
        }

        bool lostBatchSeen = contents.Entries.Count > shared && Same(contents.Entries[shared], lost[0]);
        Assert.True(lostBatchSeen || contents.Entries.Count == saved.Count, what);
        HardState[] possible = [hardState, lostState, new HardState(lostState.Term, 0, hardState.Commit)];
        Assert.True(possible.Contains(contents.HardState), $"{what}: {contents.HardState} after {hardState} and {lostState}");
    }

    private static SimDisk SmallLog(out string last, bool clean)
    {
        SimDisk disk = NewDisk();
        Wal wal = Wal.Create(disk, Directory, s_metadata, s_options);
        for (ulong i = 1; i <= 40; i++)
            wal.Save(new HardState(1, 1, i - 1), [EntryOf(1, i, 200)]);
        if (clean)
            wal.Dispose();
        last = Segments(disk)[^1];
        return disk;
    }

    private static string[] Segments(SimDisk disk) =>
        [.. disk.List(Directory).Where(name => name.EndsWith(".log", StringComparison.Ordinal)).Select(name => Path.Combine(Directory, name))];

    private static SimDisk NewDisk()
    {
        var disk = new SimDisk();
        disk.CreateDirectory(Directory);
        return disk;
    }

    private static bool TryRead(SimDisk disk, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out WalContents? contents)
    {
        try
        {
            contents = Wal.Read(disk, Directory);
            return true;
        }
        catch (WalDamagedException)
        {
            contents = null;
            return false;
        }
    }

    private static void AssertBeginning(WalContents full, WalContents contents)
    {
        Assert.Equal(full.FirstIndex, contents.FirstIndex);
        Assert.True(contents.Entries.Count <= full.Entries.Count);
        for (int i = 0; i < contents.Entries.Count; i++)
            AssertEntry(contents.Entries[i], full.Entries[i]);
    }

    private static bool Same(Entry left, Entry right) => left.Id == right.Id && left.Data.Span.SequenceEqual(right.Data.Span);

    private static void AssertEntry(Entry actual, Entry expected) => Assert.True(Same(actual, expected), $"entry {actual.Id} is not {expected.Id}");

    private static Entry EntryOf(ulong term, ulong index, int bytes)
    {
        byte[] data = new byte[bytes];
        new Random((int)(term * 1_000_003 + index * 31 + (ulong)bytes)).NextBytes(data);
        return new Entry(EntryType.Normal, term, index, data);
    }
}
