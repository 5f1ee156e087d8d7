using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Watch;

/// <summary>
/// The events that a set of equal watchers get in one response, in order. Immutable; its bytes are made once and shared.
/// Any thread.
/// </summary>
public sealed class EventSlice
{
    private readonly WatchEvent[] _events;
    private byte[]? _plain;
    private byte[]? _withPrevious;

    /// <summary>Takes over <paramref name="events"/>, which must not be empty.</summary>
    public EventSlice(WatchEvent[] events)
    {
        ArgumentOutOfRangeException.ThrowIfZero(events.Length);
        _events = events;
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
            length = checked(length + one.Encode(previousFrom).Length);
        byte[] bytes = new byte[length];
        int end = 0;
        foreach (WatchEvent one in _events)
        {
            ReadOnlyMemory<byte> field = one.Encode(previousFrom);
            field.Span.CopyTo(bytes.AsSpan(end));
            end += field.Length;
        }
        return bytes;
    }
}
