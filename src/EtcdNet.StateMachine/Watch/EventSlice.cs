using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Watch;

/// <summary>
/// The events that a set of equal watchers get in one response, in order. Immutable; its bytes are made once and shared.
/// Any thread.
/// </summary>
public sealed class EventSlice
{
    private readonly WatchEvent[] _events;
    private readonly bool _keepsSingleBytes;
    private byte[]? _plain;
    private byte[]? _withPrevious;

    /// <summary>Takes over <paramref name="events"/>, which must not be empty.</summary>
    /// <param name="events">The events.</param>
    /// <param name="keepsSingleBytes">Other slices may hold some of the events, so each of them keeps its bytes for these.</param>
    public EventSlice(WatchEvent[] events, bool keepsSingleBytes = true)
    {
        ArgumentOutOfRangeException.ThrowIfZero(events.Length);
        _events = events;
        _keepsSingleBytes = keepsSingleBytes;
    }

    /// <summary>Number of events, at least 1.</summary>
    public int Count => _events.Length;

    /// <summary>The events.</summary>
    public ReadOnlySpan<WatchEvent> Events => _events;

    /// <summary>The events as fields of a WatchResponse, one after the other. See <see cref="WatchEvent.Encode"/>.</summary>
    public ReadOnlyMemory<byte> Encode(IHistory? previousFrom)
    {
        if (_events.Length == 1)
            return _events[0].Encode(previousFrom);
        ref byte[]? cached = ref previousFrom is null ? ref _plain : ref _withPrevious;
        byte[]? bytes = Volatile.Read(ref cached);
        if (bytes is not null)
            return bytes;
        bytes = Concatenate(previousFrom);
        return Interlocked.CompareExchange(ref cached, bytes, null) ?? bytes;
    }

    /// <summary>Some neighbouring events as a slice of their own.</summary>
    public EventSlice Part(int first, int count) => new(_events.AsSpan(first, count).ToArray());

    private byte[] Concatenate(IHistory? previousFrom)
    {
        int length = 0;
        foreach (WatchEvent one in _events)
            length = checked(length + (_keepsSingleBytes ? one.Encode(previousFrom).Length : one.EncodedSize(previousFrom)));
        byte[] bytes = GC.AllocateUninitializedArray<byte>(length);
        int end = 0;
        foreach (WatchEvent one in _events)
            end += one.EncodeTo(bytes.AsSpan(end), previousFrom);
        return bytes;
    }
}
