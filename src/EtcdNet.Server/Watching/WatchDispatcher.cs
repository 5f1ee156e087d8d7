using EtcdNet.Protocol;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>What one step of catching up brought.</summary>
internal enum CatchUpOutcome
{
    /// <summary>There is more to read.</summary>
    Behind,

    /// <summary>The watchers are synced as soon as the events of this step are written.</summary>
    Joined,

    /// <summary>The past is gone.</summary>
    Compacted,
}

/// <summary>
/// Brings unsynced watchers up to date, a bounded step at a time, away from the applier's thread. The steps are driven by the
/// writers of the streams: a client that does not read costs no reads of the history.
/// </summary>
internal sealed class WatchDispatcher(WatchHub hub, IHistory history, WatchOptions options)
{
    /// <summary>What has been read of the history for all streams.</summary>
    public SharedPast Past { get; } = new(history, options);

    /// <summary>Whose turn it is to take a step.</summary>
    public CatchUpTurns Turns { get; } = new(options.CatchUpTurnsMax);

    /// <summary>
    /// One step. The piece has to be written to every watcher of the job, from the revision on that was the job's next one, before anything
    /// that the stream has queued; it is null when the past is gone.
    /// </summary>
    public async ValueTask<(CatchUpOutcome Outcome, PastPiece? Piece)> StepAsync(CatchUpJob job, CancellationToken cancellation)
    {
        if (job.Next < history.CompactRevision)
            return (CatchUpOutcome.Compacted, null);
        if (hub.TryJoin(job.Watchers, job.Next, out EventBatch[] missing, out long revision))
            return (CatchUpOutcome.Joined, Last(job, missing, revision));
        try
        {
            PastPiece piece = await Past.GetAsync(job.Range, job.Next, job.ReadSize, cancellation);
            job.Adapt(piece, options);
            job.HeaderRevision = Math.Max(job.HeaderRevision, piece.HeaderRevision);
            job.Next = piece.To + 1;
            hub.Advance(job.Watchers, job.Next);
            return (CatchUpOutcome.Behind, piece);
        }
        catch (EtcdException refused) when (refused.Code == GrpcStatus.OutOfRange)
        {
            return (CatchUpOutcome.Compacted, null);
        }
    }

    private PastPiece Last(CatchUpJob job, EventBatch[] missing, long revision)
    {
        var events = new List<WatchEvent>();
        foreach (EventBatch batch in missing)
            AddMatching(job.Range, batch.All.Events, events);
        var piece = new PastPiece(job.Range, job.Next, revision, revision, [.. events], isOwner: false, options);
        job.HeaderRevision = revision;
        job.Next = revision + 1;
        return piece;
    }

    private static void AddMatching(WatchRange range, ReadOnlySpan<WatchEvent> from, List<WatchEvent> events)
    {
        foreach (WatchEvent one in from)
        {
            if (range.Contains(one.Source.KeyValue.Key.Span))
                events.Add(one);
        }
    }
}
