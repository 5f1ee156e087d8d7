using EtcdNet.Raft;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Faster;
using EtcdNet.Storage.WriteAhead;
using EtcdNet.Testing;
using Xunit.Abstractions;

namespace EtcdNet.Storage.Tests;

/// <summary>Log, store and checkpoints together: repaired or refused, never silently less.</summary>
public sealed class MemberFilesTests(ITestOutputHelper output)
{
    private const string Data = "/data";
    private const int BytesMax = 3000;

    [Fact]
    public async Task Crashes_at_any_point_lose_nothing_acknowledged()
    {
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var disk = new SimDisk();
        ulong acknowledged = 0;
        for (int life = 0; life < 25; life++)
        {
            long crashAt = disk.Changes + random.Next(1, 150);
            disk.BeforeChange = (operation, path) =>
            {
                if (disk.Changes >= crashAt)
                    throw new DiskFailedException(operation, path, "power cut (planted)");
            };
            acknowledged = await LiveUntilCrash(disk, random, acknowledged);
            disk.Crash(random);
            using var member = new ToyMember(disk, Data, ToyMember.SimOptions);
            member.AssertComplete(acknowledged, BytesMax);
            acknowledged = member.LastIndex;
        }

        Assert.True(acknowledged > 100);
    }

    [Fact]
    public async Task A_flipped_byte_in_the_newest_store_page_falls_back_to_the_older_checkpoint()
    {
        SimDisk disk = await DiskWithTwoCheckpoints();
        string log = Path.Combine(StoreDirectory(disk), "log.00000000");
        // Behind the older checkpoint's tail: only the newest one has it.
        int at = disk.Bytes(log).Length - 6000;
        disk.Corrupt(log, bytes => bytes[at] ^= 1);
        using var member = new ToyMember(disk, Data, ToyMember.SimOptions);
        Assert.Single(member.Store.Problems);
        Assert.Equal(200UL, member.Store.Recovered!.Image.AppliedIndex);
        member.AssertComplete(600, BytesMax);
    }

    [Fact]
    public async Task Damage_under_both_checkpoints_refuses_when_the_log_does_not_reach_back()
    {
        SimDisk disk = await DiskWithTwoCheckpoints();
        string log = Path.Combine(StoreDirectory(disk), "log.00000000");
        disk.Corrupt(log, bytes => bytes.AsSpan(4096, 512).Clear());
        DataDirectoryException refused = Assert.Throws<DataDirectoryException>(() => new ToyMember(disk, Data, ToyMember.SimOptions));
        Assert.Contains("no checkpoint is usable", refused.Message, StringComparison.Ordinal);
        Assert.Contains(StoreDirectory(disk), refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_kind_of_damage_to_the_files_of_checkpoints_is_repaired_or_refused()
    {
        SimDisk disk = await DiskWithTwoCheckpoints();
        string store = StoreDirectory(disk);
        string[] files = [.. disk.List(Data + "/member/checkpoint").Select(name => Data + "/member/checkpoint/" + name), store + "/log.00000000"];
        int repaired = 0;
        foreach (string path in files)
        {
            int length = disk.Bytes(path).Length;
            for (int at = 0; at < length; at += Math.Max(1, length / 9))
            {
                SimDisk copy = disk.Clone();
                copy.Corrupt(path, bytes => bytes[at] ^= 0x20);
                repaired += StartsCompleteOrRefuses(copy) ? 1 : 0;
            }

            SimDisk without = disk.Clone();
            without.Lose(path);
            repaired += StartsCompleteOrRefuses(without) ? 1 : 0;
        }

        Assert.True(repaired >= 10, $"{repaired} starts succeeded");
    }

    [Fact]
    public async Task A_missing_first_log_segment_refuses()
    {
        SimDisk disk = await DiskWithTwoCheckpoints();
        string wal = Data + "/member/wal";
        foreach (string manifest in disk.List(Data + "/member/checkpoint"))
            disk.Lose(Data + "/member/checkpoint/" + manifest);
        Assert.NotEqual(1UL, Wal.Read(disk, wal).FirstIndex);
        Assert.Throws<DataDirectoryException>(() => new ToyMember(disk, Data, ToyMember.SimOptions));
    }

    [Fact]
    public async Task A_full_disk_fails_the_checkpoint_and_keeps_the_last_one()
    {
        SimDisk disk = await DiskWithTwoCheckpoints();
        using (var member = new ToyMember(disk, Data, ToyMember.SimOptions))
        {
            member.Write(new Random(1), 10, BytesMax);
            disk.BeforeChange = (operation, path) =>
            {
                if (operation == "write" && path.Contains("log.", StringComparison.Ordinal))
                    throw new DiskFailedException(operation, path, "No space left on device (planted)");
            };
            await Assert.ThrowsAsync<DiskFailedException>(() => member.Checkpoint());
            Assert.Throws<DiskFailedException>(() => member.Write(new Random(1), 1, BytesMax));
        }

        disk.Crash(new Random(2));
        using var again = new ToyMember(disk, Data, ToyMember.SimOptions);
        again.AssertComplete(610, BytesMax);
    }

    [Fact]
    public async Task An_installed_snapshot_replaces_store_and_log()
    {
        SimDisk disk = await DiskWithTwoCheckpoints();
        using (var member = new ToyMember(disk, Data, ToyMember.SimOptions))
        {
            IncomingStore incoming = member.Store.BeginInstall();
            uint crc = incoming.Backend.Put(new EtcdNet.StateMachine.Mvcc.Revision(5000, 0), false, "from the leader"u8);
            await incoming.Checkpointer.Begin(FasterBackendTests.Image(5000, 1, crc));
            member.Store.Wal.SaveSnapshot(new WalSnapshotMark(5000, 1), new HardState(1, 0, 5000));
            member.Store.CompleteInstall(incoming).Dispose();
        }

        using var again = new ToyMember(disk, Data, ToyMember.SimOptions);
        Assert.Equal((5000UL, 5000UL, 1), (again.Store.Recovered!.Image.AppliedIndex, again.LastIndex, again.RecordCount));
        EntryLog log = again.Store.NewEntryLog(new ConfState());
        Assert.Equal((5001UL, 5000UL, 1UL), (log.FirstIndex, log.LastIndex, log.Term(5000)));
    }

    private static bool StartsCompleteOrRefuses(SimDisk disk)
    {
        try
        {
            using var member = new ToyMember(disk, Data, ToyMember.SimOptions);
            member.AssertComplete(600, BytesMax);
            return true;
        }
        catch (Exception e) when (e is DataDirectoryException or WalDamagedException)
        {
            return false;
        }
    }

    private static async Task<ulong> LiveUntilCrash(SimDisk disk, Random random, ulong acknowledged)
    {
        try
        {
            using var member = new ToyMember(disk, Data, ToyMember.SimOptions);
            acknowledged = member.LastIndex;
            while (true)
            {
                Task checkpoint = random.Next(5) == 0 ? member.Checkpoint() : Task.CompletedTask;
                for (int i = 0; i < 5; i++)
                {
                    member.Write(random, random.Next(1, 6), BytesMax);
                    acknowledged = member.LastIndex;
                }

                await checkpoint;
            }
        }
        catch (DiskFailedException)
        {
            return acknowledged;
        }
        catch (DataDirectoryException e) when (e.InnerException is DiskFailedException)
        {
            return acknowledged; // the cut came while the directory was opened
        }
    }

    // 600 entries; checkpoints at 200 and 400; the log begins behind the first entry.
    private static async Task<SimDisk> DiskWithTwoCheckpoints()
    {
        var disk = new SimDisk();
        using var member = new ToyMember(disk, Data, ToyMember.SimOptions);
        for (int i = 0; i < 3; i++)
        {
            for (int k = 0; k < 20; k++)
                member.Write(new Random(1), 10, BytesMax);
            if (i < 2)
                await member.Checkpoint();
        }

        member.Store.Wal.ReleaseBefore(member.Store.Checkpointer.LowestNeededIndex);
        return disk;
    }

    private static string StoreDirectory(SimDisk disk) => Data + "/member/store/" + disk.List(Data + "/member/store")[0];
}
