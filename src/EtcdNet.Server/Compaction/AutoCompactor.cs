using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using Serilog;

namespace EtcdNet.Server.Compaction;

/// <summary>Proposes compactions by a schedule while this member leads. A step that comes while a proposal is under way is left out.</summary>
internal sealed class AutoCompactor : IDisposable
{
    private readonly ICompactionSchedule _schedule;
    private readonly IHistory _history;
    private readonly IConsensusStatus _status;
    private readonly IProposer _proposer;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly long _start;
    private readonly CancellationTokenSource _end = new();
    private readonly ITimer _timer;
    private int _busy;

    /// <summary>Starts; the first step comes after one interval of the schedule.</summary>
    public AutoCompactor(
        ICompactionSchedule schedule, IHistory history, IConsensusStatus status, IProposer proposer, TimeProvider time, ILogger log)
    {
        _schedule = schedule;
        _history = history;
        _status = status;
        _proposer = proposer;
        _time = time;
        _log = log.ForContext<AutoCompactor>();
        _start = time.GetTimestamp();
        _timer = time.CreateTimer(_ => Step(), null, schedule.Interval, schedule.Interval);
    }

    /// <summary>The compactor that a member's options ask for; null when they ask for none.</summary>
    public static AutoCompactor? For(
        MemberOptions options, IHistory history, IConsensusStatus status, IProposer proposer, TimeProvider time, ILogger log)
    {
        ICompactionSchedule schedule;
        if (options.AutoCompactionPeriod > TimeSpan.Zero)
            schedule = new PeriodicSchedule(options.AutoCompactionPeriod, history.CurrentRevision);
        else if (options.AutoCompactionRevisions > 0)
            schedule = new RevisionSchedule(options.AutoCompactionRevisions);
        else
            return null;
        return new AutoCompactor(schedule, history, status, proposer, time, log);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _timer.Dispose();
        _end.Cancel();
    }

    private void Step()
    {
        if (Interlocked.Exchange(ref _busy, 1) != 0)
            return;
        long? due = _schedule.Due(_time.GetElapsedTime(_start), _history.CurrentRevision, _status.Current.IsLeader);
        if (due is { } revision)
            _ = CompactAsync(revision);
        else
            Volatile.Write(ref _busy, 0);
    }

    private async Task CompactAsync(long revision)
    {
        long started = _time.GetTimestamp();
        try
        {
            await ProposeAsync(revision).ConfigureAwait(false);
            _schedule.Done(revision, _time.GetElapsedTime(_start));
            _log.Information("completed auto compaction; revision {Revision}, took {Took}", revision, _time.GetElapsedTime(started));
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            // The member stops.
        }
        catch (EtcdException error)
        {
            _log.Warning("failed auto compaction; revision {Revision}, retry after {Interval}: {Reason}", revision, _schedule.Interval, error.Message);
        }
        finally
        {
            Volatile.Write(ref _busy, 0);
        }
    }

    private async Task ProposeAsync(long revision)
    {
        try
        {
            await _proposer.ProposeAsync(
                new InternalRaftRequest { Compaction = new CompactionRequest { Revision = revision } }, _end.Token).ConfigureAwait(false);
        }
        catch (EtcdException error) when (error.Message == EtcdError.Compacted.Message)
        {
            // Somebody else was faster: that counts.
        }
    }
}
