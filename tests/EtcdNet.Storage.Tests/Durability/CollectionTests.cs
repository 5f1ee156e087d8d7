using System.Buffers;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Faster;
using EtcdNet.Testing;

namespace EtcdNet.Storage.Tests.Durability;

/// <summary>Orders of collection, compaction and checkpoint in which something dead could come back or a good checkpoint be refused.</summary>
public sealed class CollectionTests
{
    private const int FillerBytes = 400_000;

    [Fact]
    public void A_dead_put_does_not_outlive_the_tombstone_that_ended_it()
    {
        var disk = new SimDisk();
        using (var life = new Life(disk))
        {
            life.Put("victim", 1000);
            FillPages(life, 1);
            life.Delete("victim");
            FillPages(life, 5);
            // The put goes behind its tombstone while it is still history …
            Assert.True(life.Collect(1 << 20).MovedBytes > 0);
            // … and is dead there, when the tombstone stands at the front.
            life.Compact(life.Machine.Store.CurrentRevision);
            Assert.True(life.Collect(4 << 20).ScannedBytes > 0);
            Assert.True(life.Collect(4 << 20).ScannedBytes > 0);
            life.Checkpoint();
        }

        AssertRecovers(disk, life => Assert.DoesNotContain(life.Dump(0), line => line.StartsWith("victim", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_dead_tombstone_goes_at_last()
    {
        using var life = new Life(new SimDisk());
        for (int i = 0; i < 200; i++)
        {
            life.Put($"{i}", 10_000);
            life.Delete($"{i}");
        }

        life.Compact(life.Machine.Store.CurrentRevision);
        // The tombstone at the compact revision itself has to stay.
        life.Put("last", 1);
        life.Compact(life.Machine.Store.CurrentRevision);
        for (int round = 0; round < 3; round++)
        {
            FillPages(life, 5);
            life.Compact(life.Machine.Store.CurrentRevision);
            while (life.Collect(4 << 20).ScannedBytes > 0)
            {
            }
        }

        var tombstones = new HashSet<Revision>();
        life.Store.Backend.Scan((revision, info, _) => tombstones.UnionWith(info.Tombstone ? [revision] : []));
        Assert.Empty(tombstones);
    }

    [Fact]
    public void A_large_record_that_dies_between_two_steps_stays_dead_and_is_no_damage()
    {
        var disk = new SimDisk();
        disk.CreateDirectory("/store");
        using FasterBackend backend = FasterBackend.Create(disk, "/store", new FasterOptions { PageBits = 21, MemoryBits = 23, SegmentBits = 21, IndexBytes = 1 << 20 });
        var large = new Revision(2, 0);
        backend.Put(large, false, new byte[3 << 20]);
        for (int main = 3; main < 30; main++)
            backend.Put(new Revision(main, 0), false, new byte[FillerBytes]);

        // One part a step. The first ones are moved, the last one is dead when its turn comes.
        bool live = true;
        RecordLiveness isLive = (revision, _) => revision == large && live;
        Assert.True(backend.CollectStep(isLive, 1).MovedBytes > 0);
        live = false;
        long moved = 0;
        for (int main = 30; main < 90; main++)
        {
            backend.Put(new Revision(main, 0), false, new byte[FillerBytes]);
            moved += backend.CollectStep(isLive, 1 << 20).MovedBytes;
            backend.Scan((_, _, _) => { });
        }

        Assert.Equal(0, moved);
        backend.Scan((revision, _, _) => Assert.NotEqual(large, revision));
        Assert.False(backend.TryRead(large, new ArrayBufferWriter<byte>(), out _));
    }

    [Fact]
    public void A_checkpoint_within_a_pass_of_the_compactor_is_good_and_counts_its_bytes_once()
    {
        var disk = new SimDisk();
        using (var life = new Life(disk))
        {
            for (int i = 0; i < 40; i++)
                life.Put($"{i % 10}", 100_000);
            life.Write(new Protocol.Etcdserverpb.InternalRaftRequest { Compaction = new Protocol.Etcdserverpb.CompactionRequest { Revision = 41 } });
            Assert.True(life.Machine.Compactor.Step(4));
            Assert.True(life.Machine.Compactor.IsRunning);
            Assert.ThrowsAny<Exception>(() => life.Collect(1 << 20));
            life.Checkpoint();
        }

        AssertRecovers(disk, life =>
        {
            while (life.Machine.Compactor.Step(100))
            {
            }

            Assert.Equal(10, life.Dump(0).Count());
            Assert.Equal(life.CountBytesInUse(), life.Store.Backend.SizeInUseInBytes);
        });
    }

    [Fact]
    public void A_second_checkpoint_in_the_same_sector_has_its_records()
    {
        var disk = new SimDisk();
        using (var life = new Life(disk))
        {
            for (int i = 0; i < 10; i++)
            {
                life.Put($"{i}", 10);
                life.Checkpoint();
            }
        }

        AssertRecovers(disk, life => Assert.Equal(10, life.Dump(0).Count()));
    }

    private static void FillPages(Life life, int pages)
    {
        for (int i = 0; i < pages * 5; i++)
            life.Put("filler", FillerBytes);
    }

    private static void AssertRecovers(SimDisk disk, Action<Life> check)
    {
        using var life = new Life(disk);
        Assert.Empty(life.Store.Problems);
        Assert.NotNull(life.Store.Recovered);
        check(life);
    }
}
