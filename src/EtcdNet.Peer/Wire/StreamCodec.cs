using System.Buffers;
using EtcdNet.Raft;

namespace EtcdNet.Peer.Wire;

/// <summary>The two streams between members; each direction has its own connection.</summary>
public enum StreamKind
{
    /// <summary>Everything but entries and snapshots: heartbeats and votes never wait behind entries.</summary>
    Message = 0,

    /// <summary>Entries.</summary>
    Append,
}

/// <summary>The bytes of one stream of one connection, written. Keeps state: one object a connection.</summary>
internal abstract class StreamEncoder
{
    public static StreamEncoder For(StreamKind kind, WireForm form) =>
        kind == StreamKind.Append ? new AppendEncoder(form) : new MessageEncoder(form);

    /// <summary>Writes one message; returns its bytes on the wire.</summary>
    public abstract long Write(IBufferWriter<byte> output, Message message);
}

/// <summary>The bytes of one stream of one connection, read. Keeps state: one object a connection.</summary>
internal abstract class StreamDecoder(FrameReader reader)
{
    protected FrameReader Reader { get; } = reader;

    public static StreamDecoder For(StreamKind kind, FrameReader reader, ulong from, ulong to) =>
        kind == StreamKind.Append ? new AppendDecoder(reader, from, to) : new MessageDecoder(reader);

    /// <summary>The next message, <see cref="LinkHeartbeat"/> included; null at the end of the stream.</summary>
    /// <exception cref="InvalidDataException">These are not the bytes of such a stream.</exception>
    /// <exception cref="EndOfStreamException">The stream ended within a message.</exception>
    public async ValueTask<Message?> ReadAsync(CancellationToken cancellation) =>
        await Reader.HasMoreAsync(cancellation).ConfigureAwait(false) ? await NextAsync(cancellation).ConfigureAwait(false) : null;

    protected abstract ValueTask<Message> NextAsync(CancellationToken cancellation);
}

/// <summary>etcd's "message" encoding: length (8 bytes, big-endian), raftpb.Message.</summary>
internal sealed class MessageEncoder(WireForm form) : StreamEncoder
{
    public override long Write(IBufferWriter<byte> output, Message message)
    {
        var writer = new WireWriter(output);
        writer.UInt64BigEndian((ulong)MessageCodec.Size(message, form));
        MessageCodec.Write(ref writer, message, form);
        writer.Commit();
        return writer.Written;
    }
}

/// <summary>See <see cref="MessageEncoder"/>.</summary>
internal sealed class MessageDecoder(FrameReader reader) : StreamDecoder(reader)
{
    protected override async ValueTask<Message> NextAsync(CancellationToken cancellation) =>
        MessageCodec.Read(await Reader.ReadBlockAsync(cancellation).ConfigureAwait(false));
}
