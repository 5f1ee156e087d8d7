using System.Diagnostics;
using EtcdNet.StateMachine;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Faster;

namespace EtcdNet.Storage.Checkpoints;

/// <summary>
/// Makes checkpoints while the member works. <see cref="Begin"/> only notes where the store's log ends; flushing, syncing,
/// reading back and the manifest are done on a background thread.
/// </summary>
/// <remarks>
/// Order: records on the disk and read back → manifest on the disk and read back → the oldest checkpoint removed → files of
/// the store that no checkpoint needs removed. A crash at any point leaves at least one good checkpoint.
/// </remarks>
public sealed class Checkpointer : IDisposable
{
    private readonly CheckpointStore _checkpoints;
    private readonly FasterBackend _backend;
    private readonly ulong _generation;
    private readonly StoreVerifier _verifier;
    private bool _isInstall;
    private Task _running = Task.CompletedTask;

    /// <summary>Serves one open store.</summary>
    /// <param name="checkpoints">Where manifests are kept.</param>
    /// <param name="backend">The store.</param>
    /// <param name="generation">Number of the store's directory.</param>
    /// <param name="isInstall">The first checkpoint is one that came from the leader.</param>
    public Checkpointer(CheckpointStore checkpoints, FasterBackend backend, ulong generation, bool isInstall = false)
    {
        (_checkpoints, _backend, _generation, _isInstall) = (checkpoints, backend, generation, isInstall);
        _verifier = backend.TakeVerifier();
    }

    /// <summary>True while a checkpoint is being made.</summary>
    public bool IsRunning => !Volatile.Read(ref _running).IsCompleted;

    /// <summary>Lowest index that the write-ahead log has to keep, after the last finished checkpoint.</summary>
    public ulong LowestNeededIndex
    {
        get
        {
            lock (_checkpoints)
                return _checkpoints.LowestNeededIndex;
        }
    }

    /// <summary>
    /// Begins a checkpoint on the applier's thread, between two entries, when none is running. Microseconds. The entries up
    /// to the image's applied index must be on this member's disk.
    /// </summary>
    /// <param name="image">The state machine at this moment.</param>
    /// <returns>
    /// Finishes when the checkpoint is durable. Fails with <see cref="DiskFailedException"/> or
    /// <see cref="StoreDamagedException"/>; the member has to stop then.
    /// </returns>
    public Task<CheckpointResult> Begin(StateImage image)
    {
        if (IsRunning)
            throw new InvalidOperationException("a checkpoint is running already");
        long tail = _backend.TailAddress;
        long begin = _backend.BeginAddress;
        long live = _backend.SizeInUseInBytes + image.ReleasedBytes;
        long started = Stopwatch.GetTimestamp();
        Task<CheckpointResult> task = Task.Factory.StartNew(
            () => Finish(image, begin, tail, live, started), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Volatile.Write(ref _running, task);
        return task;
    }

    /// <summary>Waits for a checkpoint that is running; its failure was reported to the one who began it.</summary>
    public void Dispose() => ((IAsyncResult)_running).AsyncWaitHandle.WaitOne();

    private CheckpointResult Finish(StateImage image, long begin, long tail, long live, long started)
    {
        _backend.FlushUntil(tail);
        _backend.Device.Sync();
        uint[] sums = _verifier.Extend(begin, tail);
        lock (_checkpoints)
        {
            var checkpoint = new Checkpoint
            {
                Sequence = _checkpoints.NextSequence(),
                Generation = _generation,
                StoreDirectory = _backend.Directory,
                Image = image,
                BeginAddress = begin,
                TailAddress = tail,
                PageBits = _backend.Options.PageBits,
                SegmentBits = _backend.Options.SegmentBits,
                LiveBytes = live,
                PageSums = sums,
                IsInstall = _isInstall,
            };
            _isInstall = false;
            _checkpoints.Add(checkpoint);
            _checkpoints.RemoveUnneededStores(_generation);
            long needed = _checkpoints.Candidates.Where(kept => kept.Generation == _generation).Min(kept => kept.BeginAddress);
            _backend.Device.RemoveBelow(needed);
            return new CheckpointResult(checkpoint, _checkpoints.LowestNeededIndex, Stopwatch.GetElapsedTime(started));
        }
    }
}

/// <summary>A checkpoint that is durable.</summary>
/// <param name="Checkpoint">It.</param>
/// <param name="LowestNeededIndex">For <see cref="WriteAhead.Wal.ReleaseBefore"/>.</param>
/// <param name="Duration">From <see cref="Checkpointer.Begin"/> on, in the background.</param>
public sealed record CheckpointResult(Checkpoint Checkpoint, ulong LowestNeededIndex, TimeSpan Duration);
