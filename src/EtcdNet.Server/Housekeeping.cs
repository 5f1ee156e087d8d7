using System.Diagnostics;
using EtcdNet.Server.Compaction;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Storage;
using EtcdNet.Storage.Checkpoints;
using EtcdNet.Storage.Faster;
using Serilog;

namespace EtcdNet.Server;

/// <summary>
/// The writer's spare-time work, a few milliseconds at a time between batches: releasing what a compaction killed, taking
/// its space back, making checkpoints, and letting go of log entries that nobody will ask for.
/// </summary>
internal sealed class Housekeeping : IHousekeeping
{
    // Slices must be short against the 100 ms of a heartbeat and long against the cost of a wake-up.
    private const long CollectBytesPerSlice = 1 << 20;

    // Collecting rewrites what lives, so it waits until there is enough to gain, and stops when there is little left.
    private const double CollectDeadShareMin = 0.3;

    private readonly MemberStorage _storage;
    private readonly MemberOptions _options;
    private readonly LogWriter _writer;
    private readonly EntryTrimmer _entries;
    private readonly Action<TimeSpan> _checkpointed;
    private readonly ILogger _log;
    private readonly RecordLiveness _isLive;
    private readonly CompactionHasher _hasher;
    private Task<CheckpointResult>? _checkpoint;
    private ulong _checkpointIndex;
    private readonly ulong _recoveredIndex;
    private readonly long _collectDeadBytesMin;
    private long _logBytesAtCheckpoint;
    private bool _collecting;
    private Defragmentation? _defragmentation;
    private Exception? _damage;

    /// <param name="storage">What is kept in order; its writer calls.</param>
    /// <param name="options">When a checkpoint is due.</param>
    /// <param name="core">Whose log writer is told which entries no checkpoint needs any more.</param>
    /// <param name="checkpointed">Told how long a checkpoint took.</param>
    /// <param name="log">Log of the process.</param>
    public Housekeeping(
        MemberStorage storage, MemberOptions options, MemberCore core, Action<TimeSpan> checkpointed, ILogger log)
    {
        _storage = storage;
        _options = options;
        _writer = core.Writer;
        _entries = new EntryTrimmer(storage.Entries, core.State, options.CatchUpEntries, options.SnapshotCount, options.CatchUpBytes);
        _checkpointed = checkpointed;
        _log = log.ForContext<Housekeeping>();
        _isLive = storage.Machine.Store.IsReferenced;
        _hasher = new CompactionHasher(storage.Machine.Store, () => core.Applier.Run(static () => { }), log);
        _checkpointIndex = storage.Machine.ConsistentIndex;
        // What was read back counts too, or a member that is killed again and again would never make a checkpoint.
        _logBytesAtCheckpoint = -storage.UnappliedBytes;
        _recoveredIndex = storage.Log.LastIndex;
        // A store with a small quota must get its space back as well, or it would stay full for ever.
        long quota = options.QuotaBytes == 0 ? QuotaGuard.DefaultBytes : options.QuotaBytes;
        _collectDeadBytesMin = quota < 0 ? options.CollectDeadBytesMin : Math.Min(options.CollectDeadBytesMin, quota / 8);
    }

    /// <summary>Told how long each slice of a compaction held up the applier, and whether it was the last one.</summary>
    public Action<TimeSpan, bool> Compacted { get; set; } = static (_, _) => { };

    /// <summary>Clients that wait for a physical compaction.</summary>
    public CompactionWaits Compactions { get; } = new();

    /// <inheritdoc/>
    public bool HasWork =>
        !_storage.IsPinned && (_storage.Machine.Compactor.HasWork || _collecting || (_defragmentation is not null && _checkpoint is null));

    /// <inheritdoc/>
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public bool Step()
    {
        _entries.Trim();
        FinishCheckpoint();
        _hasher.Step();
        _storage.CloseRetired();
        if (_checkpoint is null && IsCheckpointDue)
            BeginCheckpoint();
        // A snapshot on its way to another member needs its records.
        return !_storage.IsPinned && ((_defragmentation is null ? Collect() : Defragment(_defragmentation)) | Compact());
    }

    /// <summary>
    /// Applier's thread: goes through the whole store once and takes back what is dead, however little it is. Completes when
    /// that is done; reads and writes go on meanwhile. Who asks while it goes on shares it.
    /// </summary>
    public Task DefragmentAsync() => (_defragmentation ??= new Defragmentation(_storage.Backend.SizeInBytes)).Done.Task;

    /// <inheritdoc/>
    public void Finish()
    {
        _defragmentation?.Done.TrySetException(EtcdError.Stopped.ToException());
        _hasher.Stop();
        _checkpoint?.Wait();
        FinishCheckpoint();
        if (_storage.Machine.ConsistentIndex == _checkpointIndex)
            return;
        BeginCheckpoint();
        _checkpoint!.Wait();
        FinishCheckpoint();
    }

    private bool IsCheckpointDue =>
        _storage.Log.WrittenBytes - _logBytesAtCheckpoint >= _options.CheckpointAfterBytes && HasNews;

    private bool HasNews => _storage.Machine.ConsistentIndex >= Math.Max(_recoveredIndex, _checkpointIndex + 1);

    // Only what is written to the files can be collected, hence a checkpoint first.
    private bool Defragment(Defragmentation pass)
    {
        if (_checkpoint is not null || _storage.Machine.Compactor.IsRunning)
            return false;
        if (!pass.IsFlushed)
        {
            pass.IsFlushed = true;
            if (HasNews)
                BeginCheckpoint();
            return true;
        }
        long scanned = _damage is null ? CollectSlice() : 0;
        pass.BytesLeft -= scanned;
        if (scanned > 0 && pass.BytesLeft > 0)
            return true;
        _log.Information("defragmented; size {Size} bytes, {InUse} in use", _storage.Backend.SizeInBytes, _storage.Backend.SizeInUseInBytes);
        _defragmentation = null;
        pass.Done.SetResult();
        return true;
    }

    private bool Compact()
    {
        if (!_storage.Machine.Compactor.HasWork)
            return false;
        long started = Stopwatch.GetTimestamp();
        bool more = _storage.Machine.Compactor.Step(_options.CompactionBatch);
        Compacted(Stopwatch.GetElapsedTime(started), !more);
        Compactions.Finished(_storage.Machine.Compactor.FinishedRevision);
        return true;
    }

    private bool Collect()
    {
        if (_damage is not null)
            return false;
        // Within a pass of the compactor the index says less than a checkpoint counts. There is time between two passes.
        if (_storage.Machine.Compactor.IsRunning)
            return false;
        long size = _storage.Backend.SizeInBytes;
        long dead = size - _storage.Backend.SizeInUseInBytes;
        _collecting = dead >= _collectDeadBytesMin && dead >= size * CollectDeadShareMin && CollectSlice() > 0;
        return _collecting;
    }

    // Moving on would leave behind what cannot be read. The member goes on without collecting: whoever reads the damaged
    // record is told, everybody else is served, and the next start repairs the store or refuses.
    private long CollectSlice()
    {
        try
        {
            return _storage.Backend.CollectStep(_isLive, CollectBytesPerSlice).ScannedBytes;
        }
        catch (Exception damage) when (damage is StoreDamagedException or BackendDamagedException)
        {
            _damage = damage;
            _log.Error("the store is damaged and takes no space back any more: {Damage:l}. The rest is served. {Advice:l}", damage.Message, DamageAdvice.Text);
            return 0;
        }
    }

    private void BeginCheckpoint()
    {
        _logBytesAtCheckpoint = _storage.Log.WrittenBytes;
        _checkpointIndex = _storage.Machine.ConsistentIndex;
        _log.Information("checkpoint begins; applied index {AppliedIndex}", _checkpointIndex);
        _checkpoint = _storage.Checkpointer.Begin(_storage.Machine.Capture());
    }

    /// <summary>A checkpoint that failed ends the member: the disk cannot be trusted any more.</summary>
    private void FinishCheckpoint()
    {
        if (_checkpoint is not { IsCompleted: true } finished)
            return;
        _checkpoint = null;
        CheckpointResult result = finished.GetAwaiter().GetResult();
        _writer.ReleaseBefore(result.LowestNeededIndex);
        _checkpointed(result.Duration);
        _log.Information(
            "checkpoint made; applied index {AppliedIndex}, revision {Revision}, log kept from {LogIndex}, took {Took}",
            result.Checkpoint.Image.AppliedIndex, result.Checkpoint.Image.Revision, result.LowestNeededIndex, result.Duration);
    }

    private sealed class Defragmentation(long bytes)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsFlushed { get; set; }

        public long BytesLeft { get; set; } = bytes;
    }
}
