namespace EtcdNet.StateMachine.Watch;

/// <summary>Somebody who wants the events of a range. A watcher is in at most one <see cref="WatcherGroup{T}"/> at a time.</summary>
public abstract class Watcher(WatchRange range, WatchFilters filters)
{
    /// <summary>The keys looked at.</summary>
    public WatchRange Range { get; } = range;

    /// <summary>What is left out.</summary>
    public WatchFilters Filters { get; } = filters;

    /// <summary>Place in its bucket, −1 while in no group. Owned by the group.</summary>
    internal int Slot { get; set; } = -1;
}
