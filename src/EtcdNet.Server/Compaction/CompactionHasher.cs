using System.Diagnostics.CodeAnalysis;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Mvcc;
using Serilog;

namespace EtcdNet.Server.Compaction;

/// <summary>
/// Hashes the state of each compaction before the compactor changes it, in the background, one at a time. A store of more than
/// <see cref="KeysMax"/> keys is not hashed: the list of its revisions would take more memory than a hash is worth.
/// </summary>
/// <param name="store">What is hashed.</param>
/// <param name="wake">Tells the applier that the compactor may go on; any thread.</param>
/// <param name="log">Log of the process.</param>
[SuppressMessage("Design", "CA1001", Justification = "A CancellationTokenSource without a timer holds nothing.")]
internal sealed class CompactionHasher(MvccStore store, Action wake, ILogger log)
{
    /// <summary>Keys of the largest store whose compactions are hashed: some 30 MB for a second or two.</summary>
    private const long KeysMax = 1_000_000;

    private readonly CancellationTokenSource _end = new();
    private readonly ILogger _log = log.ForContext<CompactionHasher>();
    private Task _running = Task.CompletedTask;
    private bool _isTold;

    /// <summary>Applier's thread, between two batches and before the compactor's step.</summary>
    public void Step()
    {
        while (store.TakeScheduled() is { } compaction)
        {
            if (store.LiveKeys > KeysMax || _end.IsCancellationRequested)
            {
                compaction.Dispose();
                TellOnce();
            }
            else
                _running = _running.ContinueWith(_ => Run(compaction), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private void TellOnce()
    {
        if (_isTold || _end.IsCancellationRequested)
            return;
        _isTold = true;
        _log.Warning("a store of more than {KeysMax} keys is not hashed at compactions: members cannot be compared there", KeysMax);
    }

    /// <summary>Applier's thread: gives up what is not done, and returns when nothing is read any more.</summary>
    public void Stop()
    {
        _end.Cancel();
        _running.Wait();
    }

    private void Run(ScheduledCompaction compaction)
    {
        try
        {
            compaction.Hash(_end.Token);
        }
        catch (OperationCanceledException)
        {
            // The member stops; the hash is not kept over a restart anyway.
        }
        catch (BackendDamagedException damage)
        {
            _log.Error("the state at compaction {Revision} could not be hashed: {Damage:l}", compaction.Revision, damage.Message);
        }
        finally
        {
            compaction.Dispose();
            wake();
        }
    }
}
