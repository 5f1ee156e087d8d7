using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>Where a watcher stands.</summary>
internal enum WatcherState
{
    /// <summary>Gets events from the applier.</summary>
    Synced,

    /// <summary>Behind; the writer of its stream reads the past for it.</summary>
    Unsynced,

    /// <summary>Cancelled; gets nothing more.</summary>
    Closed,
}

/// <summary>What a client asked for when it created a watcher.</summary>
internal sealed record WatchRequested(WatchRange Range)
{
    public WatchFilters Filters { get; init; }

    public long Id { get; init; }

    public long StartRevision { get; init; }

    public bool PreviousPair { get; init; }

    public bool Fragment { get; init; }

    public bool ProgressNotify { get; init; }
}

/// <summary>A watcher of a stream. Its changing fields are guarded by the hub's lock.</summary>
internal sealed class HubWatcher(WatchStream stream, long id, WatchRequested requested)
    : Watcher(requested.Range, requested.Filters)
{
    /// <summary>Unique in its stream.</summary>
    public long Id { get; } = id;

    public WatchStream Stream { get; } = stream;

    public WatchRequested Requested { get; } = requested;

    public WatcherState State { get; set; }

    /// <summary>
    /// Unsynced: the first revision that was not sent. Synced: no event before it is wanted (it was sent from the history,
    /// or lies before the start that the client asked for).
    /// </summary>
    public long NextRevision { get; set; }

    /// <summary>An event was queued or written since the last look of the progress timer.</summary>
    public bool Active { get; set; }
}
