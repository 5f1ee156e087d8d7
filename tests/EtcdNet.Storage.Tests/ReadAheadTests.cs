using EtcdNet.Storage.Faster;

namespace EtcdNet.Storage.Tests;

/// <summary>What was read ahead is given out only while it is what was written last.</summary>
public sealed class ReadAheadTests
{
    private const int Sector = 512;
    private const int SegmentBits = 20;
    private const int Sectors = 200;
    private readonly byte[] _file = new byte[Sectors * Sector];
    private readonly SectorSums _sums = new(SegmentBits, Sector);
    private readonly ReadAhead _ahead = new(Sector);
    private int _reads;

    public ReadAheadTests()
    {
        new Random(1).NextBytes(_file);
        _sums.Note(0, 0, _file);
    }

    [Fact]
    public void Neighbours_are_read_once()
    {
        byte[] target = new byte[2 * Sector];
        for (int sector = 0; sector < Sectors - 1; sector++)
        {
            if (TryRead(0, sector * Sector, target))
                Assert.True(target.AsSpan().SequenceEqual(_file.AsSpan(sector * Sector, target.Length)), $"sector {sector}");
            else
                Assert.Equal(0, sector); // one read says nothing about the next one
        }
        Assert.InRange(_reads, 1, 6);
    }

    [Fact]
    public void A_store_that_is_closed_is_not_kept_by_the_threads_that_read_it()
    {
        WeakReference store = ReadElsewhere();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(store.IsAlive);
        GC.KeepAlive(_ahead);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        WeakReference ReadElsewhere()
        {
            var sums = new SectorSums(SegmentBits, Sector);
            sums.Note(0, 0, _file);
            byte[] target = new byte[Sector];
            for (int sector = 0; sector < 10; sector++)
                _ = _ahead.TryFill(sums, 0, sector * Sector, Sector, Read) && _ahead.TryTake(sums, 0, sector * Sector, target);
            Assert.Equal(_file[(9 * Sector)..(10 * Sector)], target);
            return new WeakReference(sums);
        }

        int Read(int segment, long offset, Span<byte> bytes)
        {
            int length = (int)Math.Min(bytes.Length, _file.Length - offset);
            _file.AsSpan((int)offset, length).CopyTo(bytes);
            return length;
        }
    }

    [Fact]
    public void A_sector_that_was_written_again_or_is_gone_is_not_given_out()
    {
        byte[] target = new byte[Sector];
        Assert.False(TryRead(0, 0, target));
        Assert.True(TryRead(0, Sector, target));
        Assert.True(_ahead.TryTake(_sums, 0, 2 * Sector, target));
        _file[2 * Sector] ^= 1;
        _sums.Note(0, 2 * Sector, _file.AsSpan(2 * Sector, Sector));
        Assert.False(_ahead.TryTake(_sums, 0, 2 * Sector, target));
        Assert.True(_ahead.TryTake(_sums, 0, 3 * Sector, target));
        _sums.Forget(0);
        Assert.False(_ahead.TryTake(_sums, 0, 3 * Sector, target));
    }

    [Fact]
    public void Another_file_and_another_store_have_nothing_in_common()
    {
        byte[] target = new byte[Sector];
        Assert.False(TryRead(0, 0, target));
        Assert.True(TryRead(0, Sector, target));
        Assert.False(_ahead.TryTake(_sums, 1, 2 * Sector, target));
        var other = new SectorSums(SegmentBits, Sector);
        other.Note(0, 0, _file);
        Assert.False(_ahead.TryTake(other, 0, 2 * Sector, target));
        Assert.False(_ahead.TryFill(_sums, 1, 0, Sector, Read));
        Assert.False(_ahead.TryTake(_sums, 0, 2 * Sector, target));
    }

    [Fact]
    public void What_lies_behind_the_end_of_the_file_is_not_given_out()
    {
        byte[] target = new byte[2 * Sector];
        Assert.False(TryRead(0, (Sectors - 3) * Sector, target));
        Assert.True(TryRead(0, (Sectors - 2) * Sector, target));
        Assert.False(TryRead(0, (Sectors - 1) * Sector, target));
    }

    private bool TryRead(int segment, long offset, Span<byte> target) =>
        _ahead.TryTake(_sums, segment, offset, target)
        || (_ahead.TryFill(_sums, segment, offset, target.Length, Read) && _ahead.TryTake(_sums, segment, offset, target));

    private int Read(int segment, long offset, Span<byte> target)
    {
        _reads++;
        int count = (int)Math.Min(target.Length, _file.Length - offset);
        _file.AsSpan((int)offset, count).CopyTo(target);
        return count;
    }
}
