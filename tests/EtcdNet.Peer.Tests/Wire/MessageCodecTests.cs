using System.Buffers;
using EtcdNet.Peer.Wire;
using EtcdNet.Raft;
using EtcdNet.Testing;

namespace EtcdNet.Peer.Tests.Wire;

/// <summary>raftpb.Message: bytes that real members sent, random messages, and bytes that are none.</summary>
public sealed class MessageCodecTests
{
    /// <summary>Frames of real members, without their length: a link heartbeat, a pre-vote, a vote and a heartbeat each.</summary>
    public static TheoryData<WireForm, string> Recorded => new()
    {
        { WireForm.Etcd36, "0808100018002000280030004000500058006800" },
        { WireForm.Etcd36, "081110eadbcbe1d599d38d3218ceab8b9fbdb095a0712002280130024000500058006800" },
        { WireForm.Etcd36, "080510eadbcbe1d599d38d3218ceab8b9fbdb095a0712002280130024000500058006800" },
        { WireForm.Etcd36, "080810eadbcbe1d599d38d3218ceab8b9fbdb095a0712002280030004005500058006800" },
        { WireForm.Etcd35, "08081000180020002800300040004a0a12080a0228001000180050005800" },
        { WireForm.Etcd35, "081110eadbcbe1d599d38d3218ceab8b9fbdb095a07120022801300240004a0a12080a0228001000180050005800" },
        { WireForm.Etcd35, "080510eadbcbe1d599d38d3218ceab8b9fbdb095a07120022801300240004a0a12080a0228001000180050005800" },
        { WireForm.Etcd35, "080810eadbcbe1d599d38d3218ceab8b9fbdb095a07120022800300040054a0a12080a0228001000180050005800" },
    };

    [Theory]
    [MemberData(nameof(Recorded))]
    public void What_real_members_sent_is_written_again_to_the_byte(WireForm form, string hex)
    {
        var message = MessageCodec.Read(Convert.FromHexString(hex));
        Assert.Null(message.Snapshot);
        Assert.Equal(hex, Convert.ToHexStringLower(MessageCodec.Encode(message, form)));
    }

    [Fact]
    public void A_pre_vote_means_what_it_says()
    {
        var message = MessageCodec.Read(Convert.FromHexString("081110eadbcbe1d599d38d3218ceab8b9fbdb095a0712002280130024000500058006800"));
        Assert.Equal(
            (MessageType.PreVote, 0x321b4ccd5c32edeaul, 0x71405583d3e2d5ceul, 2ul, 1ul, 2ul),
            (message.Type, message.To, message.From, message.Term, message.LogTerm, message.Index));
    }

    [Fact]
    public void A_snapshot_has_etcds_bytes()
    {
        var message = new Message
        {
            Type = MessageType.Snap, To = 1, From = 2, Term = 3,
            Snapshot = new Snapshot(new SnapshotMetadata(new ConfState { Voters = [1, 300], Learners = [4], AutoLeave = true }, 67, 2), "{}"u8.ToArray()),
        };
        Assert.Equal(
            "0807" + "1001" + "1802" + "2003" + "2800" + "3000" + "4000" + "4a15" + "0a027b7d" + "120f" + "0a09" + "0801" + "08ac02" + "1004" + "2801" + "1043" + "1802" + "5000" + "5800" + "6800",
            Convert.ToHexStringLower(MessageCodec.Encode(message)));
    }

    [Fact]
    public void Random_messages_come_back_as_they_were()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        for (var round = 0; round < 5_000; round++)
        {
            var message = RandomMessages.Next(random);
            var form = (WireForm)random.Next(2);
            var bytes = MessageCodec.Encode(message, form);
            Assert.True(bytes.Length == MessageCodec.Size(message, form), $"seed {seed} round {round}: the length is not the one announced");
            RandomMessages.AssertSame(message, MessageCodec.Read(bytes), $"seed {seed} round {round}");
        }
    }

    [Fact]
    public void Cut_or_damaged_bytes_are_refused_or_read_but_never_worse()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        for (var round = 0; round < 3_000; round++)
        {
            var bytes = MessageCodec.Encode(RandomMessages.Next(random));
            for (var i = random.Next(1, 4); i > 0; i--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                MessageCodec.Read(bytes.AsMemory(0, random.Next(bytes.Length + 1)));
            }
            catch (InvalidDataException)
            {
                continue;
            }
        }
    }

    [Theory]
    [InlineData("08")]
    [InlineData("0880")]
    [InlineData("3a05")]
    [InlineData("4a03120a05")]
    [InlineData("00")]
    [InlineData("0b")]
    [InlineData("0a00")]
    [InlineData("08ffffffffffffffffffffff01")]
    [InlineData("08ffffffffff01")]
    public void Bytes_that_are_no_message_are_refused(string hex) =>
        Assert.Throws<InvalidDataException>(() => MessageCodec.Read(Convert.FromHexString(hex)));

    [Fact]
    public void Fields_of_the_future_are_passed_over()
    {
        // Field 14 (bytes), 15 (fixed 32), 16 (fixed 64), 99 (number), and packed voters.
        var message = MessageCodec.Read(Convert.FromHexString("0803" + "7203aabbcc" + "7d01020304" + "81010102030405060708" + "980605" + "4a08" + "12060a040a020102"));
        Assert.Equal(MessageType.App, message.Type);
        Assert.Equal([1ul, 2ul], message.Snapshot?.Metadata.ConfState.Voters ?? [1, 2]);
    }

    [Fact]
    public void Payloads_are_not_copied_when_read()
    {
        var bytes = MessageCodec.Encode(new Message { Type = MessageType.App, Entries = [new Entry(EntryType.Normal, 1, 1, new byte[] { 1, 2, 3 })] });
        var payload = MessageCodec.Read(bytes).Entries[0].Data;
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(payload, out var segment));
        Assert.Same(bytes, segment.Array);
    }

    [Fact]
    public void Writing_goes_on_over_the_borders_of_a_buffer()
    {
        var message = new Message
        {
            Type = MessageType.App, To = 1, From = 2, Term = 3,
            Entries = [.. Enumerable.Range(0, 300).Select(i => new Entry(EntryType.Normal, 3, (ulong)i + 1, new byte[i * 7]))],
        };
        var output = new SmallBuffers();
        var written = MessageCodec.Write(output, message);
        Assert.Equal(MessageCodec.Encode(message), output.ToArray());
        Assert.Equal(output.ToArray().Length, written);
    }

    /// <summary>Gives no more than it is asked for.</summary>
    private sealed class SmallBuffers : IBufferWriter<byte>
    {
        private readonly List<byte> _written = [];
        private byte[] _given = [];

        public byte[] ToArray() => [.. _written];

        public void Advance(int count) => _written.AddRange(_given.AsSpan(0, count));

        public Memory<byte> GetMemory(int sizeHint = 0) => _given = new byte[Math.Max(1, sizeHint)];

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}
