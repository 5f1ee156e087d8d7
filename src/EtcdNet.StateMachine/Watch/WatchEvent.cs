using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Mvcc;
using Google.Protobuf;

namespace EtcdNet.StateMachine.Watch;

/// <summary>
/// A <see cref="StoreEvent"/> on its way to watchers. Its bytes are made when the first watcher is written and then shared
/// by all of them; there is one form without and one with the previous pair. Any thread.
/// </summary>
public sealed class WatchEvent(StoreEvent source)
{
    /// <summary>Tag of field 11 (events) of WatchResponse, length-delimited.</summary>
    private const byte EventsTag = (11 << 3) | 2;

    private byte[]? _plain;
    private byte[]? _withPrevious;
    private Event? _plainMessage;
    private Event? _withPreviousMessage;

    /// <summary>What happened.</summary>
    public StoreEvent Source { get; } = source;

    /// <summary>Main revision of the event.</summary>
    public long Revision => Source.Revision.Main;

    /// <summary>Memory that the event keeps alive, roughly, in bytes.</summary>
    public int ApproximateSize => Source.KeyValue.Key.Length + Source.KeyValue.Value.Length + 96;

    /// <summary>
    /// The event as a field of a WatchResponse: tag, length and bytes. With <paramref name="previousFrom"/> the pair before
    /// the event is read from there and included, if it still exists.
    /// </summary>
    public ReadOnlyMemory<byte> Encode(IHistory? previousFrom)
    {
        ref byte[]? cached = ref previousFrom is null || Source.Previous is null ? ref _plain : ref _withPrevious;
        byte[]? bytes = Volatile.Read(ref cached);
        if (bytes is not null)
            return bytes;
        // Two threads may both get here; the first result stays. A lock would be held across a read of the store.
        bytes = Marshal(ToMessage(previousFrom));
        return Interlocked.CompareExchange(ref cached, bytes, null) ?? bytes;
    }

    /// <summary>The event as a message, not to be changed. See <see cref="Encode"/>.</summary>
    public Event ToMessage(IHistory? previousFrom)
    {
        ref Event? cached = ref previousFrom is null || Source.Previous is null ? ref _plainMessage : ref _withPreviousMessage;
        Event? message = Volatile.Read(ref cached);
        if (message is not null)
            return message;
        message = new Event { Type = Source.Type, Kv = Source.KeyValue };
        if (previousFrom is not null && Source.Previous is { } previous)
            message.PrevKv = previousFrom.Read(previous);
        return Interlocked.CompareExchange(ref cached, message, null) ?? message;
    }

    /// <summary>Length of what <see cref="EncodeTo"/> writes.</summary>
    public int EncodedSize(IHistory? previousFrom)
    {
        int size = ToMessage(previousFrom).CalculateSize();
        return PrefixSize(size) + size;
    }

    /// <summary>Writes what <see cref="Encode"/> gives, without keeping it.</summary>
    /// <returns>Its length.</returns>
    public int EncodeTo(Span<byte> destination, IHistory? previousFrom)
    {
        byte[]? cached = Volatile.Read(ref previousFrom is null || Source.Previous is null ? ref _plain : ref _withPrevious);
        if (cached is null)
            return Marshal(ToMessage(previousFrom), destination);
        cached.CopyTo(destination);
        return cached.Length;
    }

    private static int PrefixSize(int size) => 1 + CodedOutputStream.ComputeUInt32Size((uint)size);

    private static byte[] Marshal(Event message)
    {
        int size = message.CalculateSize();
        byte[] bytes = GC.AllocateUninitializedArray<byte>(PrefixSize(size) + size);
        Marshal(message, bytes);
        return bytes;
    }

    private static int Marshal(Event message, Span<byte> destination)
    {
        int size = message.CalculateSize();
        int prefix = PrefixSize(size);
        destination[0] = EventsTag;
        uint rest = (uint)size;
        for (int i = 1; i < prefix; i++, rest >>= 7)
            destination[i] = (byte)(rest > 0x7f ? rest | 0x80 : rest);
        message.WriteTo(destination.Slice(prefix, size));
        return prefix + size;
    }
}
