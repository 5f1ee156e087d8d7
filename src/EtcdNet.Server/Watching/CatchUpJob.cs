using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>
/// Watchers of one stream with the same range that need the same past. Owned by the writer of the stream.
/// </summary>
internal sealed class CatchUpJob(WatchRange range, long next) : IDisposable
{
    /// <summary>Events asked for with the first read, before anything is known of their size.</summary>
    private const int FirstRead = 16;

    /// <summary>The keys looked at.</summary>
    public WatchRange Range { get; } = range;

    /// <summary>The first revision not yet sent.</summary>
    public long Next { get; set; } = next;

    /// <summary>Who waits; cancelled ones are dropped between two reads.</summary>
    public List<HubWatcher> Watchers { get; } = [];

    /// <summary>The walk through the history, kept between two reads; null when a new one is needed.</summary>
    public IHistoryCursor? Cursor { get; set; }

    /// <summary>Last revision of <see cref="Cursor"/>.</summary>
    public long CursorEnd { get; set; }

    /// <summary>Revision for the headers of what was just read: the newest one when it was read. Never goes back.</summary>
    public long HeaderRevision { get; set; }

    /// <summary>Events to ask for next, adapted to their size so that a read stays near a number of bytes.</summary>
    public int ReadSize { get; private set; } = FirstRead;

    /// <summary>Learns from a read how many events to ask for.</summary>
    public void Adapt(int events, long bytes, WatchOptions options)
    {
        if (events == 0)
            return;
        long fitting = options.CatchUpBytesMax / Math.Max(1, bytes / events);
        ReadSize = (int)Math.Clamp(fitting, 1, options.CatchUpEventsMax);
    }

    /// <summary>Closes the walk.</summary>
    public void Dispose()
    {
        Cursor?.Dispose();
        Cursor = null;
    }
}
