using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>
/// Watchers of one stream with the same range that need the same past. Owned by the writer of the stream.
/// </summary>
internal sealed class CatchUpJob : IDisposable
{
    /// <summary>Events asked for with the first read, before anything is known of their size.</summary>
    private const int FirstRead = 16;

    private readonly SharedPast _past;

    /// <summary>Begins to catch up from a revision on.</summary>
    public CatchUpJob(WatchRange range, long next, SharedPast past)
    {
        (Range, Next, _past) = (range, next, past);
        past.Enter();
    }

    /// <summary>The keys looked at.</summary>
    public WatchRange Range { get; }

    /// <summary>The first revision not yet sent.</summary>
    public long Next { get; set; }

    /// <summary>Who waits; cancelled ones are dropped between two reads.</summary>
    public List<HubWatcher> Watchers { get; } = [];

    /// <summary>Revision for the headers of what was just read: the newest one when it was read. Never goes back.</summary>
    public long HeaderRevision { get; set; }

    /// <summary>Events to ask for next, adapted to their size so that a read stays near a number of bytes.</summary>
    public int ReadSize { get; private set; } = FirstRead;

    /// <summary>Learns from a piece how many events to ask for.</summary>
    public void Adapt(PastPiece piece, WatchOptions options)
    {
        if (piece.Count == 0)
            return;
        long fitting = options.CatchUpBytesMax / Math.Max(1, piece.Bytes / piece.Count);
        ReadSize = (int)Math.Clamp(fitting, 1, options.CatchUpEventsMax);
    }

    /// <summary>Nothing more is needed. Once.</summary>
    public void Dispose() => _past.Leave();
}
