namespace EtcdNet.StateMachine.Watch;

/// <summary>
/// The watchers of a group with equal range and equal filters. They always match the same events, so matching and
/// encoding are done once for all of them.
/// </summary>
public sealed class WatcherBucket<T>
    where T : Watcher
{
    private readonly List<T> _watchers = [];
    private long _round;

    /// <summary>Number of watchers.</summary>
    public int Count => _watchers.Count;

    /// <summary>
    /// A watcher by place. Removing the watcher at a place moves the last one there, so a walk from the last place down
    /// may remove watchers from the group on its way.
    /// </summary>
    public T this[int place] => _watchers[place];

    /// <summary>Places of the matched events, ascending; valid until the next <see cref="WatcherGroup{T}.Match"/>.</summary>
    public List<int> Matched { get; } = [];

    /// <summary>Forgets the matches of an older round; true when this is the bucket's first match of the round.</summary>
    internal bool StartRound(long round)
    {
        if (_round == round)
            return false;
        _round = round;
        Matched.Clear();
        return true;
    }

    internal void Add(T watcher)
    {
        watcher.Slot = _watchers.Count;
        _watchers.Add(watcher);
    }

    internal void Remove(T watcher)
    {
        int slot = watcher.Slot;
        if ((uint)slot >= (uint)_watchers.Count || !ReferenceEquals(_watchers[slot], watcher))
            throw new InvalidOperationException("the watcher is not in this group");
        T last = _watchers[^1];
        _watchers[slot] = last;
        last.Slot = slot;
        _watchers.RemoveAt(_watchers.Count - 1);
        watcher.Slot = -1;
    }
}
