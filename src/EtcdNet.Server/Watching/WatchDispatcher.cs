using System.Diagnostics.CodeAnalysis;
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
/// writers of the streams: a client that does not read costs no reads of the history. Only so many steps of all streams read
/// the history at a time.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A SemaphoreSlim whose wait handle is never asked for holds nothing.")]
internal sealed class WatchDispatcher(WatchHub hub, IHistory history, WatchOptions options)
{
    private readonly SemaphoreSlim _readers = new(options.HistoryReadersMax);

    /// <summary>
    /// One step. Fills <paramref name="events"/> with what has to be written to every watcher of the job (their filters
    /// are not applied yet) before anything that the stream has queued.
    /// </summary>
    public async ValueTask<CatchUpOutcome> StepAsync(CatchUpJob job, List<WatchEvent> events, CancellationToken cancellation)
    {
        if (job.Next < history.CompactRevision)
            return CatchUpOutcome.Compacted;
        if (hub.TryJoin(job.Watchers, job.Next, out EventBatch[] missing, out long revision))
        {
            job.Next = revision + 1;
            job.HeaderRevision = revision;
            foreach (EventBatch batch in missing)
                AddMatching(job.Range, batch.All.Events, events);
            return CatchUpOutcome.Joined;
        }
        await _readers.WaitAsync(cancellation);
        try
        {
            Read(job, events);
        }
        catch (EtcdException refused) when (refused.Code == GrpcStatus.OutOfRange)
        {
            return CatchUpOutcome.Compacted;
        }
        finally
        {
            _readers.Release();
        }
        hub.Advance(job.Watchers, job.Next);
        return CatchUpOutcome.Behind;
    }

    private void Read(CatchUpJob job, List<WatchEvent> events)
    {
        if (job.Cursor is null)
        {
            job.CursorEnd = history.CurrentRevision;
            if (job.CursorEnd < job.Next)
                throw new InvalidOperationException($"revision {job.Next} was told but the history ends at {job.CursorEnd}");
            job.Cursor = history.Open(job.Range.Key, job.Range.RangeEnd, job.Next, job.CursorEnd);
        }
        var read = new List<StoreEvent>();
        long last = job.Cursor.ReadNext(read, job.ReadSize);
        if (last < job.Next || last > job.CursorEnd)
            throw new InvalidOperationException($"a read from revision {job.Next} ended at {last}");
        long bytes = 0;
        foreach (StoreEvent one in read)
        {
            if (one.Revision.Main < job.Next || one.Revision.Main > last)
                throw new InvalidOperationException($"a read of revisions {job.Next} to {last} brought {one.Revision}");
            var shared = new WatchEvent(one);
            bytes += shared.ApproximateSize;
            events.Add(shared);
        }
        job.Adapt(read.Count, bytes, options);
        job.Next = last + 1;
        job.HeaderRevision = job.CursorEnd;
        if (last == job.CursorEnd)
            job.Dispose();
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
