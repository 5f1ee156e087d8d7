using System.Buffers;
using System.Buffers.Binary;
using EtcdNet.Peer.Wire;
using EtcdNet.Raft;
using EtcdNet.Testing;

namespace EtcdNet.Peer.Tests.Wire;

/// <summary>The two streams: what is written is read, in every cut of the network, and nothing else is.</summary>
public sealed class StreamCodecTests
{
    [Theory]
    [InlineData(StreamKind.Message)]
    [InlineData(StreamKind.Append)]
    public async Task What_is_written_is_read_however_the_network_cuts_it(StreamKind kind)
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        for (var round = 0; round < 30; round++)
        {
            var form = (WireForm)random.Next(2);
            var last = default(EntryId);
            var messages = Enumerable.Range(0, 50).Select(_ => random.Next(6) == 0 ? LinkHeartbeat.Message
                : kind == StreamKind.Append ? RandomMessages.NextAppend(random, ref last) : RandomMessages.Next(random)).ToList();
            var encoder = StreamEncoder.For(kind, form);
            var bytes = new ArrayBufferWriter<byte>();
            foreach (var message in messages)
                encoder.Write(bytes, message);
            var read = await ReadAllAsync(kind, new CutStream(bytes.WrittenSpan.ToArray(), random));
            Assert.True(messages.Count == read.Count, $"seed {seed} round {round}");
            for (var i = 0; i < read.Count; i++)
                RandomMessages.AssertSame(messages[i], read[i], $"seed {seed} round {round} message {i}");
        }
    }

    [Fact]
    public void Appends_that_follow_each_other_are_short()
    {
        var encoder = new AppendEncoder(WireForm.Etcd36);
        var first = Append(term: 2, logTerm: 1, index: 2, commit: 2, new Entry(EntryType.Normal, 2, 3, default));
        var whole = Write(encoder, first);
        Assert.Equal("02" + Length(MessageCodec.Encode(first)), whole[..18]);
        Assert.Equal(
            "01" + "0000000000000001" + "0000000000000009" + "080010021804220161" + "0000000000000003",
            Write(encoder, Append(term: 2, logTerm: 2, index: 3, commit: 3, new Entry(EntryType.Normal, 2, 4, "a"u8.ToArray()))));
        Assert.Equal("01" + "0000000000000000" + "0000000000000004", Write(encoder, Append(term: 2, logTerm: 2, index: 4, commit: 4)));
        Assert.Equal("00", Write(encoder, LinkHeartbeat.Message));

        // Another term, or another place, is told in full.
        Assert.StartsWith("02", Write(encoder, Append(term: 2, logTerm: 2, index: 3, commit: 4)), StringComparison.Ordinal);
        Assert.StartsWith("02", Write(encoder, Append(term: 3, logTerm: 2, index: 3, commit: 4)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Short_appends_get_back_what_they_left_out()
    {
        var encoder = new AppendEncoder(WireForm.Etcd36);
        var bytes = new ArrayBufferWriter<byte>();
        encoder.Write(bytes, Append(2, 1, 2, 2, new Entry(EntryType.Normal, 2, 3, default)));
        encoder.Write(bytes, Append(2, 2, 3, 3, new Entry(EntryType.Normal, 2, 4, "a"u8.ToArray())));
        var read = await ReadAllAsync(StreamKind.Append, new MemoryStream(bytes.WrittenSpan.ToArray()));
        Assert.Equal((MessageType.App, 7ul, 9ul, 2ul, 2ul, 3ul, 3ul),
            (read[1].Type, read[1].From, read[1].To, read[1].Term, read[1].LogTerm, read[1].Index, read[1].Commit));
        Assert.Equal(new EntryId(2, 4), read[1].Entries[0].Id);
    }

    [Theory]
    [InlineData(StreamKind.Message, "0000000020000001")]
    [InlineData(StreamKind.Message, "ffffffffffffffff")]
    [InlineData(StreamKind.Message, "000000000000000108")]
    [InlineData(StreamKind.Append, "03")]
    [InlineData(StreamKind.Append, "020000000020000001")]
    [InlineData(StreamKind.Append, "010000000000000001ffffffffffffffff")]
    public async Task Bytes_that_are_no_stream_are_refused(StreamKind kind, string hex) =>
        await Assert.ThrowsAsync<InvalidDataException>(() => ReadAllAsync(kind, new MemoryStream(Convert.FromHexString(hex))));

    [Theory]
    [InlineData(StreamKind.Message, "00")]
    [InlineData(StreamKind.Message, "0000000000000014080810")]
    [InlineData(StreamKind.Message, "0000000010000000")]
    [InlineData(StreamKind.Append, "01")]
    [InlineData(StreamKind.Append, "01ffffffffffffffff")]
    [InlineData(StreamKind.Append, "010000000000000001")]
    [InlineData(StreamKind.Append, "020000000000000005")]
    public async Task A_stream_that_ends_within_a_message_is_an_error(StreamKind kind, string hex) =>
        await Assert.ThrowsAsync<EndOfStreamException>(() => ReadAllAsync(kind, new MemoryStream(Convert.FromHexString(hex))));

    [Fact]
    public async Task A_snapshot_message_is_read_to_its_end_and_no_further()
    {
        var message = new Message { Type = MessageType.Snap, From = 1, To = 2, Snapshot = new Snapshot(new SnapshotMetadata(new ConfState { Voters = [1] }, 5, 1), new byte[200_000]) };
        var bytes = new ArrayBufferWriter<byte>();
        SnapshotFrame.Write(bytes, message, WireForm.Etcd36);
        bytes.Write("database"u8);
        var body = new CutStream(bytes.WrittenSpan.ToArray(), new Random(1));
        RandomMessages.AssertSame(message, await SnapshotFrame.ReadAsync(body, CancellationToken.None), "snapshot");
        Assert.Equal("database", await new StreamReader(body).ReadToEndAsync());
        await Assert.ThrowsAsync<InvalidDataException>(() => SnapshotFrame.ReadAsync(new MemoryStream(Convert.FromHexString("0000000004000001")), CancellationToken.None));
        await Assert.ThrowsAsync<EndOfStreamException>(() => SnapshotFrame.ReadAsync(new MemoryStream(Convert.FromHexString("0000000004000000")), CancellationToken.None));
    }

    internal static async Task<List<Message>> ReadAllAsync(StreamKind kind, Stream stream)
    {
        using var reader = new FrameReader(stream);
        var decoder = StreamDecoder.For(kind, reader, 7, 9);
        var messages = new List<Message>();
        while (await decoder.ReadAsync(CancellationToken.None) is { } message)
            messages.Add(message);
        return messages;
    }

    private static Message Append(ulong term, ulong logTerm, ulong index, ulong commit, params Entry[] entries) =>
        new() { Type = MessageType.App, From = 7, To = 9, Term = term, LogTerm = logTerm, Index = index, Commit = commit, Entries = entries };

    private static string Write(AppendEncoder encoder, Message message)
    {
        var bytes = new ArrayBufferWriter<byte>();
        Assert.Equal(encoder.Write(bytes, message), bytes.WrittenCount);
        return Convert.ToHexStringLower(bytes.WrittenSpan);
    }

    private static string Length(byte[] bytes)
    {
        var length = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(length, (ulong)bytes.Length);
        return Convert.ToHexStringLower(length);
    }

    /// <summary>A stream that gives a random part of what is asked for.</summary>
    private sealed class CutStream(byte[] bytes, Random random) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, random.Next(1, 90))], cancellationToken);

        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, random.Next(1, 90))]);
    }
}
