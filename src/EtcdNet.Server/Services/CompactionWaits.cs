namespace EtcdNet.Server.Services;

/// <summary>Lets <c>compaction --physical</c> wait until the dead revisions are really released.</summary>
internal sealed class CompactionWaits
{
    private readonly Lock _gate = new();
    private readonly List<(long Revision, TaskCompletionSource Done)> _waits = [];
    private long _finished;

    /// <summary>Completes when the compaction at <paramref name="revision"/> has finished on this member.</summary>
    public Task WaitAsync(long revision, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (revision <= _finished)
                return Task.CompletedTask;
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waits.Add((revision, done));
            return done.Task.WaitAsync(cancellation);
        }
    }

    /// <summary>Applier's thread: everything up to <paramref name="revision"/> is released.</summary>
    public void Finished(long revision)
    {
        lock (_gate)
        {
            if (revision <= _finished)
                return;
            _finished = revision;
            for (int i = _waits.Count - 1; i >= 0; i--)
            {
                if (_waits[i].Revision > revision)
                    continue;
                _waits[i].Done.TrySetResult();
                _waits.RemoveAt(i);
            }
        }
    }
}
