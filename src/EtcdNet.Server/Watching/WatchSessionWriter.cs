using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>
/// The one writer of a stream: writes what is queued, then lets its unsynced watchers catch up by some steps, and so on.
/// Events read from the past are written before anything queued after the watcher joined, so each watcher sees revision order.
/// </summary>
internal sealed class WatchSessionWriter(WatchHub hub, WatchStream stream, IHeaderSource headers, WatchResponseWriter output)
{
    /// <summary>Steps of catching up between two looks at the queue, so that neither starves the other.</summary>
    private const int StepsPerRound = 8;

    /// <summary>Room that the lists keep between two rounds, in elements.</summary>
    private const int KeptCapacityMax = 64;

    private readonly Queue<CatchUpJob> _jobs = new();

    /// <summary>Runs until cancelled or until the client cannot be written to.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        List<QueuedResponse> queue = [];
        List<HubWatcher> behind = [];
        try
        {
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                stream.TakeAll(ref queue, ref behind);
                foreach (QueuedResponse queued in queue)
                    await WriteAsync(queued, cancellation);
                AddJobs(behind);
                Empty(ref queue);
                Empty(ref behind);
                await output.FlushAsync(cancellation);
                for (int step = 0; step < StepsPerRound && _jobs.Count > 0; step++)
                    await hub.Dispatcher.Turns.TakeAsync(() => StepAsync(_jobs.Dequeue(), cancellation), cancellation);
                if (_jobs.Count == 0)
                    await stream.WaitForWorkAsync();
            }
        }
        finally
        {
            foreach (CatchUpJob job in _jobs)
                job.Dispose();
        }
    }

    /// <summary>A list that was long once does not stay large in each of thousands of streams.</summary>
    private static void Empty<T>(ref List<T> list)
    {
        if (list.Capacity > KeptCapacityMax)
            list = [];
        else
            list.Clear();
    }

    private ValueTask WriteAsync(QueuedResponse queued, CancellationToken cancellation) =>
        queued.Control is not null
            ? output.WriteControlAsync(queued.Control, cancellation)
            : output.WriteEventsAsync(queued.Watcher!, queued.Slice!, queued.Revision, cancellation);

    private void AddJobs(List<HubWatcher> behind)
    {
        if (behind.Count == 0)
            return;
        foreach (var equal in behind.GroupBy(static watcher => (watcher.Range, watcher.NextRevision)))
        {
            var job = new CatchUpJob(equal.Key.Range, equal.Key.NextRevision, hub.Dispatcher.Past);
            job.Watchers.AddRange(equal);
            _jobs.Enqueue(job);
        }
    }

    private async ValueTask StepAsync(CatchUpJob job, CancellationToken cancellation)
    {
        bool keep = false;
        try
        {
            hub.DropClosed(job.Watchers);
            if (job.Watchers.Count == 0)
                return;
            long next = job.Next;
            (CatchUpOutcome outcome, PastPiece? piece) = await hub.Dispatcher.StepAsync(job, cancellation);
            if (piece is null)
                await CancelCompactedAsync(job, cancellation);
            else
                await WritePastAsync(job, piece, next, cancellation);
            await output.FlushAsync(cancellation);
            keep = outcome == CatchUpOutcome.Behind;
        }
        finally
        {
            if (keep)
                _jobs.Enqueue(job);
            else
                job.Dispose();
        }
    }

    private async ValueTask CancelCompactedAsync(CatchUpJob job, CancellationToken cancellation)
    {
        foreach (HubWatcher watcher in job.Watchers)
        {
            if (!hub.Retire(watcher))
                continue;
            // etcd leaves the header's revision and the reason empty here.
            var answer = new WatchResponse
            {
                Header = headers.Header(0),
                WatchId = watcher.Id,
                Canceled = true,
                CompactRevision = hub.CompactRevision,
            };
            await output.WriteControlAsync(answer, cancellation);
        }
    }

    private async ValueTask WritePastAsync(CatchUpJob job, PastPiece piece, long next, CancellationToken cancellation)
    {
        foreach (var equal in job.Watchers.GroupBy(static watcher => watcher.Filters))
        {
            EventSlice[] responses = piece.Responses(equal.Key, next);
            if (responses.Length == 0)
                continue;
            foreach (EventSlice response in responses)
            {
                foreach (HubWatcher watcher in equal)
                    await output.WriteEventsAsync(watcher, response, job.HeaderRevision, cancellation);
            }
            foreach (HubWatcher watcher in equal)
                hub.MarkActive(watcher);
        }
    }
}
