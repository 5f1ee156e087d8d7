using System.Buffers;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Storage.Checkpoints;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Faster;
using EtcdNet.Storage.Records;
using EtcdNet.Testing;
using Xunit.Abstractions;

namespace EtcdNet.Storage.Tests;

/// <summary>The store on FASTER has to behave as the one in memory, byte for byte.</summary>
public sealed class FasterBackendTests(ITestOutputHelper output)
{
    private static readonly FasterOptions s_small = new() { PageBits = 21, MemoryBits = 23, SegmentBits = 22, IndexBytes = 1 << 20 };

    [Fact]
    public void Random_operations_give_the_same_as_memory()
    {
        using var temp = new TempDirectory();
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using FasterBackend faster = FasterBackend.Create(new FileDisk(), temp.Sub("store"), s_small);
        var memory = new MemoryBackend();
        var live = new List<Revision>();
        for (int main = 2; main < 4000; main++)
        {
            for (int sub = 0; sub <= random.Next(3); sub++)
            {
                var revision = new Revision(main, sub);
                byte[] bytes = new byte[SizeOf(random)];
                random.NextBytes(bytes);
                bool tombstone = random.Next(5) == 0;
                Assert.Equal(memory.Put(revision, tombstone, bytes), faster.Put(revision, tombstone, bytes));
                live.Add(revision);
            }

            if (random.Next(3) == 0)
            {
                int victim = random.Next(live.Count);
                Assert.Equal(memory.Release(live[victim]), faster.Release(live[victim]));
                live.RemoveAt(victim);
            }

            if (random.Next(200) == 0)
                faster.CollectStep((revision, _) => memory.TryRead(revision, new ArrayBufferWriter<byte>(), out RecordInfo _), 3 << 20);
        }

        Assert.Equal(memory.SizeInUseInBytes, faster.SizeInUseInBytes);
        AssertSame(memory, faster, live);
        AssertScanCovers(memory, faster);
    }

    [Fact]
    public async Task A_checkpoint_brings_back_exactly_what_was_there()
    {
        using var temp = new TempDirectory();
        var disk = new FileDisk();
        string manifests = temp.Sub("checkpoint");
        string root = temp.Sub("store");
        var memory = new MemoryBackend();
        var checkpoints = new CheckpointStore(disk, manifests, root);
        (ulong generation, string directory) = checkpoints.NewGeneration();
        var random = new Random(7);
        ulong sum = 0;
        using (FasterBackend backend = FasterBackend.Create(disk, directory, s_small))
        using (var checkpointer = new Checkpointer(checkpoints, backend, generation))
        {
            for (int main = 2; main < 30_000; main++)
            {
                byte[] bytes = new byte[300];
                random.NextBytes(bytes);
                var revision = new Revision(main, 0);
                sum += backend.Put(revision, false, bytes);
                memory.Put(revision, false, bytes);
                if (main % 10_000 == 0)
                    await checkpointer.Begin(Image(main, memory.Count, sum));
            }

            await checkpointer.Begin(Image(30_000, memory.Count, sum));
            for (int main = 30_000; main < 40_000; main++)
                backend.Put(new Revision(main, 0), false, new byte[300]);
        }

        var again = new CheckpointStore(disk, manifests, root);
        Assert.Equal([30_000UL, 20_000UL], again.Candidates.Select(candidate => candidate.Image.AppliedIndex));
        Assert.Equal(20_001UL, again.LowestNeededIndex);
        using FasterBackend recovered = FasterBackend.Recover(disk, again.Candidates[0], s_small);
        again.Accept(again.Candidates[0]);
        AssertScanCovers(memory, recovered);
        (long count, ulong found) = CountAndSum(recovered);
        Assert.Equal((again.Candidates[0].Image.RecordCount, again.Candidates[0].Image.RecordCrcSum), (count, found));
        Assert.False(recovered.TryRead(new Revision(30_000, 0), new ArrayBufferWriter<byte>(), out _));
        recovered.Put(new Revision(30_000, 0), false, "again"u8);
        var read = new ArrayBufferWriter<byte>();
        Assert.True(recovered.TryRead(new Revision(30_000, 0), read, out _));
        Assert.Equal("again"u8.ToArray(), read.WrittenSpan.ToArray());
    }

    [Fact]
    public async Task Readers_see_every_record_while_it_is_written_collected_and_checkpointed()
    {
        using var temp = new TempDirectory();
        var disk = new FileDisk();
        var checkpoints = new CheckpointStore(disk, temp.Sub("checkpoint"), temp.Sub("store"));
        (ulong generation, string directory) = checkpoints.NewGeneration();
        using FasterBackend backend = FasterBackend.Create(disk, directory, s_small);
        using var checkpointer = new Checkpointer(checkpoints, backend, generation);
        backend.Put(new Revision(2, 0), false, BytesOf(2));
        int published = 2;
        bool stop = false;
        Task[] readers = [.. Enumerable.Range(1, 2).Select(seed => Task.Run(() => ReadUntil(backend, new Random(seed), () => Volatile.Read(ref published), () => Volatile.Read(ref stop))))];
        long collected = 0;
        try
        {
            for (int main = 3; main < 60_000; main++)
            {
                backend.Put(new Revision(main, 0), false, BytesOf(main));
                Volatile.Write(ref published, main);
                if (main % 1000 == 0)
                    collected += backend.CollectStep((revision, _) => IsKept(revision.Main), 1 << 20).ScannedBytes;
                if (main % 20_000 == 0)
                    await checkpointer.Begin(Image(main, main, 0));
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
        }

        await Task.WhenAll(readers);
        Assert.True(collected > 10 << 20, $"{collected} bytes were collected");
        Assert.True(backend.SizeInBytes < 60_000L * 400);
    }

    // Every third revision is dead from the start.
    private static bool IsKept(long main) => main % 3 != 0;

    private static byte[] BytesOf(int main)
    {
        byte[] bytes = new byte[300 + main % 200];
        Array.Fill(bytes, (byte)main);
        return bytes;
    }

    private static void ReadUntil(FasterBackend backend, Random random, Func<int> published, Func<bool> stop)
    {
        var read = new ArrayBufferWriter<byte>();
        while (!stop())
        {
            int main = random.Next(1, published()) + 1;
            if (!IsKept(main))
                continue;
            read.ResetWrittenCount();
            Assert.True(backend.TryRead(new Revision(main, 0), read, out _), $"revision {main} is gone");
            Assert.True(read.WrittenSpan.SequenceEqual(BytesOf(main)));
        }
    }

    internal static StateImage Image(long index, long count, ulong sum) =>
        new((ulong)index, 1, index, 0, 0, count, sum, new byte[] { 1, 2, 3 });

    internal static (long Count, ulong Sum) CountAndSum(IRecordSource source)
    {
        var seen = new HashSet<Revision>();
        ulong sum = 0;
        source.Scan((revision, info, _) =>
        {
            if (seen.Add(revision))
                sum += info.Crc;
        });
        return (seen.Count, sum);
    }

    private static int SizeOf(Random random) => random.Next(100) switch
    {
        0 => random.Next(1 << 20, 3 << 20) / (random.Next(4) + 1),
        1 => RecordCodec.PartBytesMax + random.Next(-1, 2),
        < 10 => random.Next(20_000),
        _ => random.Next(600),
    };

    private static void AssertSame(MemoryBackend memory, FasterBackend faster, List<Revision> live)
    {
        foreach (Revision revision in live)
        {
            var expected = new ArrayBufferWriter<byte>();
            var actual = new ArrayBufferWriter<byte>();
            Assert.True(memory.TryRead(revision, expected, out RecordInfo expectedInfo));
            Assert.True(faster.TryRead(revision, actual, out RecordInfo actualInfo));
            Assert.Equal(expectedInfo, actualInfo);
            Assert.True(expected.WrittenSpan.SequenceEqual(actual.WrittenSpan));
        }
    }

    private static void AssertScanCovers(MemoryBackend memory, FasterBackend faster)
    {
        var missing = new HashSet<Revision>();
        memory.Scan((revision, _, _) => missing.Add(revision));
        faster.Scan((revision, info, bytes) =>
        {
            var expected = new ArrayBufferWriter<byte>();
            if (!memory.TryRead(revision, expected, out RecordInfo expectedInfo))
                return; // released, not yet collected
            Assert.Equal(expectedInfo, info);
            Assert.True(expected.WrittenSpan.SequenceEqual(bytes));
            missing.Remove(revision);
        });
        Assert.Empty(missing);
    }
}
