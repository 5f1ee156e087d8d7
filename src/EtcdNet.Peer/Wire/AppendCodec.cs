using System.Buffers;
using EtcdNet.Raft;

namespace EtcdNet.Peer.Wire;

/// <summary>
/// etcd's "msgappv2" encoding. As long as appends follow each other in one term, only entries and commit index are written: both ends
/// know term and index of the last entry.
/// </summary>
/// <remarks>
/// A byte says what follows: 0 nothing (the link lives); 1 the number of entries, each with its length, and the commit index; 2 length
/// and a whole raftpb.Message. Numbers have 8 bytes, big-endian.
/// </remarks>
internal sealed class AppendEncoder(WireForm form) : StreamEncoder
{
    private EntryId _last;

    public override long Write(IBufferWriter<byte> output, Message message)
    {
        var writer = new WireWriter(output);
        if (LinkHeartbeat.Is(message))
            writer.Byte(AppendForm.LinkHeartbeat);
        else if (AppendForm.Follows(message, _last))
            WriteEntries(ref writer, message);
        else
            WriteWhole(ref writer, message);
        writer.Commit();
        return writer.Written;
    }

    private void WriteEntries(ref WireWriter writer, Message message)
    {
        var entries = EntrySlice.From(message.Entries);
        writer.Byte(AppendForm.Entries);
        writer.UInt64BigEndian((ulong)entries.Count);
        foreach (ref readonly var entry in entries.Span)
        {
            writer.UInt64BigEndian((ulong)MessageCodec.Size(entry));
            MessageCodec.Write(ref writer, entry);
        }

        writer.UInt64BigEndian(message.Commit);
        _last = _last with { Index = _last.Index + (ulong)entries.Count };
    }

    private void WriteWhole(ref WireWriter writer, Message message)
    {
        writer.Byte(AppendForm.Whole);
        writer.UInt64BigEndian((ulong)MessageCodec.Size(message, form));
        MessageCodec.Write(ref writer, message, form);
        _last = AppendForm.LastOf(message);
    }
}

/// <summary>See <see cref="AppendEncoder"/>.</summary>
/// <param name="reader">The stream.</param>
/// <param name="from">The sender, which the short form does not name.</param>
/// <param name="to">The receiver, likewise.</param>
internal sealed class AppendDecoder(FrameReader reader, ulong from, ulong to) : StreamDecoder(reader)
{
    private EntryId _last;

    protected override async ValueTask<Message> NextAsync(CancellationToken cancellation)
    {
        switch (await Reader.ReadByteAsync(cancellation).ConfigureAwait(false))
        {
            case AppendForm.LinkHeartbeat:
                return LinkHeartbeat.Message;
            case AppendForm.Entries:
                return await EntriesAsync(cancellation).ConfigureAwait(false);
            case AppendForm.Whole:
                var message = MessageCodec.Read(await Reader.ReadBlockAsync(cancellation).ConfigureAwait(false));
                _last = AppendForm.LastOf(message);
                return message;
            case var other:
                throw new InvalidDataException($"message type {other} in a stream of appends");
        }
    }

    private async ValueTask<Message> EntriesAsync(CancellationToken cancellation)
    {
        var count = await Reader.ReadUInt64Async(cancellation).ConfigureAwait(false);
        var entries = new Entry[Math.Min(count, 1024)];
        ulong bytes = 0;
        for (ulong i = 0; i < count; i++)
        {
            // Every entry takes bytes of the stream, so an array that grows with them cannot be made to grow by a claim.
            if (i == (ulong)entries.Length)
                Array.Resize(ref entries, (int)Math.Min(count, 2 * i));
            var block = await Reader.ReadBlockAsync(cancellation).ConfigureAwait(false);
            entries[i] = MessageCodec.ReadEntry(block);
            bytes += (ulong)block.Length + sizeof(ulong);
            if (bytes > FrameReader.MaxFrame)
                throw new InvalidDataException($"an append of more than {FrameReader.MaxFrame} bytes");
        }

        var commit = await Reader.ReadUInt64Async(cancellation).ConfigureAwait(false);
        var message = new Message
        {
            Type = MessageType.App, From = from, To = to, Term = _last.Term, LogTerm = _last.Term, Index = _last.Index, Commit = commit,
            Entries = EntrySlice.From(entries),
        };
        _last = _last with { Index = _last.Index + count };
        return message;
    }
}

/// <summary>What both ends of a stream of appends have to agree on.</summary>
internal static class AppendForm
{
    public const byte LinkHeartbeat = 0;
    public const byte Entries = 1;
    public const byte Whole = 2;

    /// <summary>True when the append begins where the last one ended, in the same term; the short form says nothing else.</summary>
    public static bool Follows(Message message, EntryId last) =>
        message.Index == last.Index && message.LogTerm == last.Term && message.Term == last.Term;

    public static EntryId LastOf(Message message) =>
        new(message.Term, message.Entries.Count > 0 ? message.Entries[^1].Index : message.Index);
}
