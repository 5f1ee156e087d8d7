using System.Buffers;
using System.Buffers.Binary;
using EtcdNet.Raft;

namespace EtcdNet.Peer.Wire;

/// <summary>The start of a snapshot's body: length (8 bytes, big-endian), raftpb.Message; the state machine's bytes follow to the end.</summary>
internal static class SnapshotFrame
{
    /// <summary>etcd's limit for the message, which holds the configuration and the old v2 store, not the keys: 64 MiB.</summary>
    public const ulong MaxMessage = 64ul << 20;

    public static void Write(IBufferWriter<byte> output, Message message, WireForm form)
    {
        var writer = new WireWriter(output);
        writer.UInt64BigEndian((ulong)MessageCodec.Size(message, form));
        MessageCodec.Write(ref writer, message, form);
        writer.Commit();
    }

    /// <summary>Reads the message and nothing of what follows.</summary>
    /// <exception cref="InvalidDataException">The message is too large or no raftpb.Message.</exception>
    /// <exception cref="EndOfStreamException">The body ended before.</exception>
    public static async Task<Message> ReadAsync(Stream body, CancellationToken cancellation)
    {
        var head = new byte[sizeof(ulong)];
        await body.ReadExactlyAsync(head, cancellation).ConfigureAwait(false);
        var length = BinaryPrimitives.ReadUInt64BigEndian(head);
        if (length > MaxMessage)
            throw new InvalidDataException($"a snapshot message of {length} bytes");

        // Grows with what arrives: the length alone is only a claim.
        using var message = new MemoryStream();
        var chunk = ArrayPool<byte>.Shared.Rent(64 << 10);
        try
        {
            while ((ulong)message.Length < length)
            {
                var wanted = (int)Math.Min((ulong)chunk.Length, length - (ulong)message.Length);
                await body.ReadExactlyAsync(chunk.AsMemory(0, wanted), cancellation).ConfigureAwait(false);
                message.Write(chunk, 0, wanted);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }

        return MessageCodec.Read(message.ToArray());
    }
}
