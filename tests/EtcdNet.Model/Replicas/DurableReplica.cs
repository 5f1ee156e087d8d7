using EtcdNet.Model.Naive;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Raft;
using EtcdNet.StateMachine;
using EtcdNet.Storage;
using EtcdNet.Storage.Checkpoints;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Faster;
using EtcdNet.Storage.WriteAhead;
using EtcdNet.Testing;
using Google.Protobuf;

namespace EtcdNet.Model.Replicas;

/// <summary>
/// A member without Raft and threads: the real write-ahead log, the store on FASTER, checkpoints and recovery, on a simulated disk that loses what was
/// not synced.
/// </summary>
public sealed class DurableReplica : IReplica
{
    private const string Data = "/data";
    private static readonly WalMetadata _identity = new(7, 9);
    private readonly SimDisk _disk = new();
    private readonly long _minLeaseTtl;
    private readonly Tally _tally;
    private readonly MemberFilesOptions _options;
    private MemberFiles _files;
    private StateMachine.StateMachine? _machine;
    private Task<CheckpointResult>? _checkpoint;

    /// <summary>A new member.</summary>
    /// <param name="minLeaseTtl">Smallest TTL, seconds.</param>
    /// <param name="largestEntry">Bytes of the largest entry to come; segments of the log are as small as that allows.</param>
    /// <param name="tally">Counts recoveries and collected bytes.</param>
    public DurableReplica(long minLeaseTtl, int largestEntry, Tally tally)
    {
        (_minLeaseTtl, _tally) = (minLeaseTtl, tally);
        _options = new MemberFilesOptions
        {
            CatchUpEntries = 5,
            Wal = new WalOptions { SegmentBytes = Math.Max(64 << 10, (2 * largestEntry) & -4096), PrepareAhead = false },
            Faster = new FasterOptions { PageBits = 21, MemoryBits = 23, SegmentBits = 21, IndexBytes = 64 << 10 },
        };
        _files = Open();
    }

    /// <inheritdoc/>
    public string Name => "FASTER";

    /// <inheritdoc/>
    public StateMachine.StateMachine Machine => _machine!;

    /// <inheritdoc/>
    public IBackend Backend => _files.Backend;

    /// <inheritdoc/>
    public IReadOnlyList<Answer> Commit(IReadOnlyList<InternalRaftRequest> group)
    {
        ulong index = _files.Wal.LastIndex;
        List<Entry> entries = [.. group.Select(request => new Entry(EntryType.Normal, 1, ++index, request.ToByteArray()))];
        _files.Wal.Save(new HardState(1, 7, _files.Wal.LastIndex), entries);
        Machine.BeginBatch();
        List<Answer> answers = [.. entries.Select(Apply)];
        Machine.EndBatch();
        return answers;
    }

    /// <inheritdoc/>
    public void Prune(int keys) => Machine.Compactor.Step(keys);

    /// <inheritdoc/>
    public void Collect(long bytes)
    {
        if (!Machine.Compactor.IsRunning)
            _tally.AddCollected(_files.Backend.CollectStep(Machine.Store.IsReferenced, bytes).ScannedBytes);
    }

    /// <inheritdoc/>
    public void Checkpoint(bool wait)
    {
        if (_checkpoint is { IsCompleted: true })
            FinishCheckpoint();
        _checkpoint ??= _files.Checkpointer.Begin(Machine.Capture());
        if (wait)
            FinishCheckpoint();
    }

    /// <inheritdoc/>
    public void Restart(Random? powerCut)
    {
        ulong last = _files.Wal.LastIndex;
        if (powerCut is null)
            Stop();
        else
            CutPower(powerCut);
        _files = Open();
        if (_files.Recovered is not null)
            _tally.AddFromCheckpoint();
        if (_files.Problems.Count > 0)
            throw new InvalidDataException($"after a restart: {string.Join("; ", _files.Problems)}");
        if (_files.Wal.LastIndex != last)
            throw new InvalidDataException($"the log ended at entry {last} and ends at {_files.Wal.LastIndex} after a restart");
    }

    /// <inheritdoc/>
    public void Dispose() => _files.Dispose();

    private Answer Apply(Entry entry) => Replica.Apply(Machine, entry.Index, InternalRaftRequest.Parser.ParseFrom(entry.Data.Span));

    private void FinishCheckpoint()
    {
        CheckpointResult result = _checkpoint!.GetAwaiter().GetResult();
        _checkpoint = null;
        _files.Wal.ReleaseBefore(result.LowestNeededIndex);
    }

    private void Stop()
    {
        if (_checkpoint is not null)
            FinishCheckpoint();
        _files.Dispose();
    }

    private void CutPower(Random random)
    {
        _disk.BeforeChange = static (operation, path) => throw new DiskFailedException(operation, path, "power cut");
        try
        {
            _files.Dispose();
        }
        catch (DiskFailedException)
        {
            // Nothing can be closed in good order any more.
        }

        _checkpoint = null; // if it had come to its end by then, good; else it never was
        _disk.Crash(random);
    }

    private MemberFiles Open()
    {
        MemberFiles files = MemberFiles.Open(_disk, Data, _options);
        try
        {
            files.Start(_identity, Load);
            foreach (Entry entry in files.Contents.Entries)
                Apply(entry);
            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    private void Load(FasterBackend backend, Checkpoint? checkpoint)
    {
        _machine = new StateMachine.StateMachine(backend, _minLeaseTtl);
        if (checkpoint is null)
            return;
        try
        {
            _machine.Restore(checkpoint.Image, backend);
        }
        catch (StateDamagedException damaged)
        {
            throw new InvalidDataException(damaged.Message, damaged);
        }
    }
}
