using System.Buffers.Binary;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.WriteAhead;
using EtcdNet.Testing;

namespace EtcdNet.Storage.Tests.Faults;

/// <summary>What is looked at behind a place in the log that cannot be read.</summary>
public sealed class TornEndTests
{
    private const int Capacity = 24 << 20;
    private const uint Seed = 7;
    private const int PayloadBytes = 5000;

    [Theory]
    [InlineData(100)]
    [InlineData((1 << 20) - 24)]
    [InlineData(8 << 20)]
    public void A_value_that_looks_like_headers_costs_no_more_than_any_other(int length)
    {
        using var file = new CountingFile(Capacity);
        // A client's array of pairs of small numbers: each word is the beginning of something that could be a frame.
        for (int at = 0; at + 8 <= 4 << 20; at += 8)
        {
            BinaryPrimitives.WriteInt32LittleEndian(file.Bytes.AsSpan(at), length);
            BinaryPrimitives.WriteInt32LittleEndian(file.Bytes.AsSpan(at + 4), 1 + (at / 8 % 6));
        }
        using var window = new WalSegmentWindow();
        window.Attach(file, Capacity);
        Assert.Equal(0, window.FindSyncedBehind(4096, Seed, out long garbageEnd));
        Assert.InRange(garbageEnd, (4 << 20) - 8, 4 << 20);
        Assert.True(file.Reads < 100, $"{file.Reads} reads of a file of {Capacity >> 20} MiB");
    }

    [Fact]
    public void The_largest_claim_of_a_frame_that_is_right_counts()
    {
        using var file = new CountingFile(Capacity);
        Put(file, 8192, syncedBefore: 4096); // no more than is known
        Put(file, 16384, syncedBefore: 8192);
        Put(file, 24576, syncedBefore: 20000);
        Put(file, 32768, syncedBefore: 40000); // claims what lies behind itself
        Put(file, 40960, syncedBefore: 30000);
        file.Bytes[40960 + WalFrame.HeaderBytes + 50]++; // not right
        using var window = new WalSegmentWindow();
        window.Attach(file, Capacity);
        Assert.Equal(20000, window.FindSyncedBehind(4096, Seed, out _));
        Assert.Equal(0, window.FindSyncedBehind(24576, Seed, out _));
    }

    private static void Put(CountingFile file, int at, uint syncedBefore)
    {
        Span<byte> frame = file.Bytes.AsSpan(at, WalFrame.SizeOf(PayloadBytes));
        frame.Slice(WalFrame.HeaderBytes, PayloadBytes / 2).Fill((byte)at);
        WalFrame.Finish(frame, PayloadBytes, WalRecordType.Entry, syncedBefore, 0, Seed);
    }

    [Fact]
    public void The_sum_of_a_part_is_that_of_its_bytes()
    {
        int seed = TestSeed.Next();
        var random = new Random(seed);
        byte[] bytes = new byte[3000];
        random.NextBytes(bytes.AsSpan(0, 2003));
        var sums = new PartSums();
        sums.Append(bytes.AsSpan(0, 1600));
        sums.Append(bytes.AsSpan(1600, 403));
        for (int i = 0; i < 1000; i++)
        {
            int from = random.Next(bytes.Length / 8 + 1) * 8, to = from + random.Next((bytes.Length - from) / 8 + 1) * 8;
            uint register = (uint)random.NextInt64(1L << 32);
            Assert.True(sums.Update(register, from, to) == Crc32C.Update(register, bytes.AsSpan(from, to - from)), $"seed {seed}: {from} to {to}");
        }
        Assert.Equal(Crc32C.Update(123, new byte[100_000]), Crc32C.Multiply(123, Crc32C.FactorOfZeros(100_000)));
    }

    private sealed class CountingFile(int length) : IDiskFile
    {
        public byte[] Bytes { get; } = new byte[length];

        public int Reads { get; private set; }

        public string Path => "torn";

        public long Length => Bytes.Length;

        public int Read(long offset, Span<byte> buffer)
        {
            Reads++;
            int count = (int)Math.Min(buffer.Length, Bytes.Length - offset);
            Bytes.AsSpan((int)offset, count).CopyTo(buffer);
            return count;
        }

        public void Write(long offset, ReadOnlySpan<byte> bytes) => throw new NotSupportedException();

        public void Sync() => throw new NotSupportedException();

        public void Allocate(long length) => throw new NotSupportedException();

        public void SetLength(long length) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
