using System.Runtime.InteropServices;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Watch;

/// <summary>All events of one main revision, made once and shared by every watcher. Immutable. Any thread.</summary>
public sealed class EventBatch
{
    private readonly WatchEvent[] _events;
    private readonly StoreEvent[] _source;

    /// <summary>Copies the list; keeps the events.</summary>
    /// <exception cref="ArgumentException">No event, or an event of another revision.</exception>
    public EventBatch(long revision, IReadOnlyList<StoreEvent> events)
    {
        if (events.Count == 0)
            throw new ArgumentException($"revision {revision} has no events", nameof(events));
        Revision = revision;
        _source = [.. events];
        _events = new WatchEvent[_source.Length];
        for (int i = 0; i < _events.Length; i++)
        {
            if (_source[i].Revision.Main != revision)
                throw new ArgumentException($"event of {_source[i].Revision} in the batch of {revision}", nameof(events));
            _events[i] = new WatchEvent(_source[i]);
            ApproximateSize += _events[i].ApproximateSize;
        }
        All = new EventSlice(_events);
    }

    /// <summary>Main revision of the events.</summary>
    public long Revision { get; }

    /// <summary>Memory that the batch keeps alive, roughly, in bytes.</summary>
    public long ApproximateSize { get; }

    /// <summary>The events as they were told.</summary>
    public IReadOnlyList<StoreEvent> Source => _source;

    /// <summary>Every event.</summary>
    public EventSlice All { get; }

    /// <summary>The events at the given places, ascending.</summary>
    public EventSlice Select(List<int> places)
    {
        if (places.Count == _events.Length)
            return All;
        var selected = new WatchEvent[places.Count];
        ReadOnlySpan<int> wanted = CollectionsMarshal.AsSpan(places);
        for (int i = 0; i < selected.Length; i++)
            selected[i] = _events[wanted[i]];
        return new EventSlice(selected);
    }
}
