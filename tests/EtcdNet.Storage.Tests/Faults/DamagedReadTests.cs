using System.Buffers;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Faster;
using EtcdNet.Testing;
using Xunit.Abstractions;

namespace EtcdNet.Storage.Tests.Faults;

/// <summary>
/// Files of the store that change or fail behind a running member: whoever asks for what was hit gets an error that names
/// file and offset, everybody else gets the right bytes, and collection leaves nothing behind that lives.
/// </summary>
public sealed class DamagedReadTests(ITestOutputHelper output)
{
    private const string Directory = "/store";
    private const int Records = 2600;
    private const int MeanBytes = 6540;
    private static readonly FasterOptions s_options = new() { PageBits = 21, MemoryBits = 23, SegmentBits = 22, IndexBytes = 1 << 20 };

    [Fact]
    public void Every_damage_hits_only_the_records_under_it()
    {
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        SimDisk disk = NewDisk();
        using FasterBackend backend = Filled(disk);
        string file = Directory + "/log.00000000";
        byte[] whole = disk.Bytes(file);
        int refused = 0;
        for (int round = 0; round < 100; round++)
        {
            int at = random.Next(whole.Length);
            disk.Corrupt(file, bytes => Strike(bytes, at, round % 3));
            // Records lie one behind the other; those around the place are asked for, and some others.
            int near = at / MeanBytes;
            int damaged = CountDamaged(backend, $"seed {seed}, round {round}", main => Math.Abs(main - near) < 30 || main % 100 == 0);
            Assert.InRange(damaged, 0, 4);
            refused += damaged;
            disk.Put(file, whole);
        }

        Assert.True(refused > 30, $"only {refused} reads were refused");
        Assert.Equal(0, CountDamaged(backend, "in the end"));
    }

    [Fact]
    public void A_read_that_the_disk_refuses_fails_alone()
    {
        SimDisk disk = NewDisk();
        using FasterBackend backend = Filled(disk);
        disk.BeforeRead = static (path, offset) =>
        {
            if (offset is >= 100 << 12 and < 110 << 12)
                throw new IOException($"{path} cannot be read at offset {offset}: Input/output error (planted)");
        };
        BackendDamagedException first = Assert.Throws<BackendDamagedException>(() => ReadAll(backend));
        Assert.Contains("Input/output error", first.Message, StringComparison.Ordinal);
        Assert.Contains(Directory + "/log.0000000", first.Message, StringComparison.Ordinal);
        Assert.InRange(CountDamaged(backend, "while the disk fails"), 1, 30);
        disk.BeforeRead = null;
        ReadAll(backend);
    }

    [Theory]
    [InlineData("zeroed")]
    [InlineData("unreadable")]
    public void Collection_stops_before_what_it_cannot_read(string how)
    {
        SimDisk disk = NewDisk();
        using FasterBackend backend = Filled(disk);
        string file = Directory + "/log.00000000";
        if (how == "zeroed")
            disk.Corrupt(file, static bytes => bytes.AsSpan(200 << 12, 4096).Clear());
        else
            disk.BeforeRead = (path, offset) => throw new IOException($"{path} cannot be read at offset {offset}: Input/output error (planted)");
        Exception stopped = Assert.ThrowsAny<Exception>(() =>
        {
            while (backend.CollectStep(static (_, _) => true, 1 << 20).ScannedBytes > 0)
            {
            }
        });
        Assert.True(stopped is StoreDamagedException or BackendDamagedException, stopped.ToString());
        disk.BeforeRead = null;
        Assert.InRange(CountDamaged(backend, how), 0, 4);
    }

    // Damage of one sector can hit a record that begins in it, one that ends in it, and what lies between.
    private static int CountDamaged(FasterBackend backend, string when, Predicate<int>? asked = null)
    {
        int damaged = 0;
        for (int main = 1; main <= Records; main++)
        {
            if (asked?.Invoke(main) == false)
                continue;
            try
            {
                Read(backend, main, when);
            }
            catch (BackendDamagedException)
            {
                damaged++;
            }
        }

        return damaged;
    }

    private static void ReadAll(FasterBackend backend)
    {
        for (int main = 1; main <= Records; main++)
            Read(backend, main, "all");
    }

    private static void Read(FasterBackend backend, int main, string when)
    {
        var read = new ArrayBufferWriter<byte>();
        Assert.True(backend.TryRead(new Revision(main, 0), read, out _), $"{when}: revision {main} is gone without an error");
        Assert.True(read.WrittenSpan.SequenceEqual(BytesOf(main)), $"{when}: revision {main} has other bytes");
    }

    private static void Strike(byte[] bytes, int at, int how)
    {
        if (how == 0)
            bytes[at] ^= 0x40;
        else
            bytes.AsSpan(at & -512, Math.Min(how == 1 ? 512 : 4096, bytes.Length - (at & -512))).Clear();
    }

    // Twice what stays in memory, so that the first file is read from the disk.
    private static FasterBackend Filled(SimDisk disk)
    {
        FasterBackend backend = FasterBackend.Create(disk, Directory, s_options);
        for (int main = 1; main <= Records; main++)
            backend.Put(new Revision(main, 0), false, BytesOf(main));
        return backend;
    }

    private static byte[] BytesOf(int main)
    {
        byte[] bytes = new byte[6000 + main % 1000];
        new Random(main).NextBytes(bytes);
        return bytes;
    }

    private static SimDisk NewDisk()
    {
        var disk = new SimDisk();
        disk.CreateDirectory(Directory);
        return disk;
    }
}
