using System.Buffers;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Testing;
using Google.Protobuf;
using SortOrder = EtcdNet.Protocol.Etcdserverpb.RangeRequest.Types.SortOrder;
using SortTarget = EtcdNet.Protocol.Etcdserverpb.RangeRequest.Types.SortTarget;

namespace EtcdNet.StateMachine.Tests;

/// <summary>A range read in pieces is the range read at once, whatever happens in between.</summary>
public sealed class PinnedRangeTests
{
    private readonly Machine _machine = new(new InMemoryBackend(dropReleased: true));

    [Fact]
    public void Random_ranges_in_pieces_are_the_bytes_of_the_message()
    {
        int seed = TestSeed.Next();
        var random = new Random(seed);
        _machine.Grant(7);
        for (int i = 0; i < 3000; i++)
        {
            string key = $"k{random.Next(900):d3}";
            if (random.Next(5) == 0)
                _machine.Delete(key);
            else
                _machine.Put(key, new string('v', random.Next(40)), random.Next(3) == 0 ? 7 : 0);
        }
        _machine.Compact(500);
        for (int i = 0; i < 400; i++)
        {
            RangeRequest request = Request(random);
            RangeResponse expected = _machine.Store.Range(request);
            using PinnedRange range = _machine.Store.OpenRange(request);
            Assert.Equal((expected.Count, expected.More), (range.Count, range.More));
            byte[] kvs = new RangeResponse { Kvs = { expected.Kvs } }.ToByteArray();
            for (int pass = 0; pass < 2; pass++)
            {
                Assert.True(kvs.AsSpan().SequenceEqual(ReadAll(range, random)), $"seed {seed}, range {i}, pass {pass}: {request}");
                range.Rewind();
                Assert.True(kvs.Length == MeasureAll(range, random), $"seed {seed}, range {i}, pass {pass}: another size of {request}");
                range.Rewind();
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Records_of_any_size_are_measured_right(bool restarted)
    {
        int[] sizes = [0, 1, 127, 128, 5000, .. Enumerable.Range(16_300, 100), 70_000, 1_500_000];
        for (int i = 0; i < sizes.Length; i++)
            _machine.Put($"k{i:d3}", new string('v', sizes[i]));
        Machine machine = restarted ? new Machine(_machine.Backend, _machine.State.Capture()) : _machine;
        using PinnedRange range = machine.Store.OpenRange(All());
        int bytes = ReadAll(range, new Random(1)).Length;
        range.Rewind();
        Assert.Equal(bytes, MeasureAll(range, new Random(1)));
        Assert.True(range.IsAtEnd);
    }

    [Fact]
    public void Compactions_wait_for_a_read_that_began_before_them_and_for_no_other()
    {
        Fill(600, "old");
        long revision = _machine.Store.CurrentRevision;
        using PinnedRange range = _machine.Store.OpenRange(All());
        byte[] before = ReadAll(range, new Random(1));
        range.Rewind();
        Fill(600, "new");
        _machine.Delete("\0", "\0");
        Assert.Null(_machine.Compact(_machine.Store.CurrentRevision));
        Assert.False(_machine.State.Compactor.HasWork);
        Assert.Equal(0, _machine.State.Compactor.FinishedRevision);
        Assert.Equal(EtcdError.Compacted.Message, Assert.Throws<EtcdException>(() => _machine.Range("a", revision: revision)).Message);
        using (_machine.Store.OpenRange(All()))
        {
            Assert.Equal(before, ReadAll(range, new Random(2)));
            range.Dispose();
            Assert.True(_machine.State.Compactor.HasWork);
            _machine.Put("a");
            while (_machine.State.Compactor.Step(10))
            {
            }
        }
        Assert.Equal(_machine.Store.CurrentRevision - 1, _machine.State.Compactor.FinishedRevision);
    }

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(false, false, true)]
    [InlineData(false, true, false)]
    [InlineData(false, true, true)]
    [InlineData(true, false, false)]
    [InlineData(true, false, true)]
    [InlineData(true, true, false)]
    [InlineData(true, true, true)]
    public void A_read_that_let_go_fails_once_a_compaction_has_passed(bool keysOnly, bool measure, bool finished)
    {
        Fill(600, "old");
        RangeRequest request = All();
        request.KeysOnly = keysOnly;
        using PinnedRange range = _machine.Store.OpenRange(request);
        range.Unpin();
        Assert.True(Next(5) > 0);
        Fill(600, "new");
        Assert.Null(_machine.Compact(_machine.Store.CurrentRevision));
        while (finished && _machine.State.Compactor.Step(100))
        {
        }
        Assert.Equal(EtcdError.Compacted.Message, Assert.Throws<EtcdException>(() => Next(5)).Message);

        long Next(int pairs) => measure ? range.MeasureNext(pairs) : range.ReadNext(new ArrayBufferWriter<byte>(), pairs, int.MaxValue);
    }

    [Fact]
    public void What_cannot_be_read_pins_nothing()
    {
        Fill(3, "x");
        _machine.Compact(3);
        RangeRequest future = All();
        future.Revision = 100;
        Assert.Equal(EtcdError.FutureRev.Message, Assert.Throws<EtcdException>(() => _machine.Store.OpenRange(future)).Message);
        RangeRequest gone = All();
        gone.Revision = 2;
        Assert.Equal(EtcdError.Compacted.Message, Assert.Throws<EtcdException>(() => _machine.Store.OpenRange(gone)).Message);
        Assert.Equal(long.MaxValue, _machine.Store.Pins.Oldest);
    }

    private static RangeRequest All() => new() { Key = Machine.Bytes("\0"), RangeEnd = Machine.Bytes("\0") };

    private static byte[] ReadAll(PinnedRange range, Random random)
    {
        var buffer = new ArrayBufferWriter<byte>();
        while (range.ReadNext(buffer, random.Next(1, 300), random.Next(1, 5000)) > 0)
        {
        }
        Assert.True(range.IsAtEnd);
        return buffer.WrittenSpan.ToArray();
    }

    private static long MeasureAll(PinnedRange range, Random random)
    {
        long bytes = 0;
        while (!range.IsAtEnd)
            bytes += range.MeasureNext(random.Next(1, 300));
        return bytes;
    }

    private RangeRequest Request(Random random)
    {
        int first = random.Next(900);
        var request = new RangeRequest
        {
            Key = Machine.Bytes($"k{first:d3}"),
            RangeEnd = Machine.Bytes(random.Next(3) == 0 ? "\0" : $"k{random.Next(900):d3}"),
            Revision = random.Next(3) == 0 ? random.NextInt64(500, _machine.Store.CurrentRevision) : 0,
            Limit = random.Next(2) == 0 ? random.Next(700) : 0,
            KeysOnly = random.Next(4) == 0,
            SortOrder = (SortOrder)random.Next(3),
            SortTarget = random.Next(2) == 0 ? SortTarget.Key : (SortTarget)random.Next(4),
        };
        if (random.Next(3) == 0)
            request.MinModRevision = random.NextInt64(_machine.Store.CurrentRevision);
        if (random.Next(4) == 0)
            request.MaxCreateRevision = random.NextInt64(_machine.Store.CurrentRevision);
        return request;
    }

    private void Fill(int keys, string value)
    {
        for (int i = 0; i < keys; i++)
            _machine.Put($"key{i:d4}", value);
    }
}
