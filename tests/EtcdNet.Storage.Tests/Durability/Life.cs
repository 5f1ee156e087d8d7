using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Raft;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Storage.Checkpoints;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Faster;
using EtcdNet.Storage.WriteAhead;
using Google.Protobuf;

namespace EtcdNet.Storage.Tests.Durability;

/// <summary>
/// A member from one start to its end, without Raft and threads: the real log, store, checkpoints and state machine, each
/// step done when the test says so.
/// </summary>
internal sealed class Life : IDisposable
{
    internal const string Data = "/data";
    private static readonly WalMetadata s_identity = new(7, 9);
    private Task<CheckpointResult>? _checkpoint;

    internal Life(IDisk disk)
    {
        Store = MemberFiles.Open(disk, Data, new MemberFilesOptions
        {
            CatchUpEntries = 5,
            Wal = new WalOptions { SegmentBytes = 6 << 20, PrepareAhead = false },
            Faster = new FasterOptions { PageBits = 21, MemoryBits = 23, SegmentBits = 21, IndexBytes = 1 << 20 },
        });
        try
        {
            Store.Start(s_identity, Load);
            foreach (Entry entry in Store.Contents.Entries)
                Apply(entry);
        }
        catch
        {
            Store.Dispose();
            throw;
        }
    }

    internal MemberFiles Store { get; }

    internal StateMachine.StateMachine Machine { get; private set; } = null!;

    internal ulong LastIndex => Store.Wal.LastIndex;

    internal long CollectedBytes { get; private set; }

    public void Dispose() => Store.Dispose();

    /// <summary>One group commit, then its entries are applied.</summary>
    internal void Write(params IReadOnlyList<InternalRaftRequest> requests)
    {
        ulong index = LastIndex;
        List<Entry> entries = [.. requests.Select(request => new Entry(EntryType.Normal, 1, ++index, request.ToByteArray()))];
        Store.Wal.Save(new HardState(1, 7, LastIndex), entries);
        foreach (Entry entry in entries)
            Apply(entry);
    }

    internal void Put(string key, int bytes) =>
        Write(new InternalRaftRequest { Put = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFrom(new byte[bytes]) } });

    internal void Delete(string key) =>
        Write(new InternalRaftRequest { DeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(key) } });

    internal void Compact(long revision)
    {
        Write(new InternalRaftRequest { Compaction = new CompactionRequest { Revision = revision } });
        while (Machine.Compactor.Step(100))
        {
        }
    }

    internal CollectResult Collect(long budgetBytes)
    {
        CollectResult result = Store.Backend.CollectStep(Machine.Store.IsReferenced, budgetBytes);
        CollectedBytes += result.ScannedBytes;
        return result;
    }

    /// <summary>Begins a checkpoint unless one is running.</summary>
    internal void BeginCheckpoint()
    {
        if (_checkpoint is null)
            _checkpoint = Store.Checkpointer.Begin(Machine.Capture());
        else if (_checkpoint.IsCompleted)
            FinishCheckpoint();
    }

    /// <summary>Waits for the checkpoint that runs and releases the log behind it.</summary>
    internal void FinishCheckpoint()
    {
        if (_checkpoint is null)
            return;
        CheckpointResult result = _checkpoint.GetAwaiter().GetResult();
        _checkpoint = null;
        Store.Wal.ReleaseBefore(result.LowestNeededIndex);
    }

    internal void Checkpoint()
    {
        FinishCheckpoint();
        BeginCheckpoint();
        FinishCheckpoint();
    }

    internal IEnumerable<string> Dump(long revision)
    {
        ByteString all = ByteString.CopyFrom(0);
        return Machine.Store.Range(new RangeRequest { Key = all, RangeEnd = all, Revision = revision }).Kvs.Select(VersionList.Line);
    }

    internal List<string> History()
    {
        var events = new List<StoreEvent>();
        long from = Machine.Store.CompactRevision + 1;
        long to = Machine.Store.CurrentRevision;
        if (from <= to)
        {
            using IHistoryCursor cursor = Machine.Store.Open(new byte[1], new byte[1], from, to);
            while (cursor.ReadNext(events, 100) < to)
            {
            }
        }

        return [.. events.Select(change => VersionList.Change(change.Revision, change.KeyValue.Key.ToStringUtf8(), change.KeyValue.Version, change.KeyValue.Value.Span))];
    }

    /// <summary>Bytes of what the index refers to, counted one by one.</summary>
    internal long CountBytesInUse()
    {
        var seen = new HashSet<Revision>();
        long bytes = 0;
        Store.Backend.Scan((revision, _, record) =>
        {
            if (Machine.Store.IsReferenced(revision, record) && seen.Add(revision))
                bytes += Records.RecordSize.Of(record.Length);
        });
        return bytes;
    }

    private void Load(FasterBackend backend, Checkpoint? checkpoint)
    {
        Machine = new StateMachine.StateMachine(backend, minLeaseTtl: 2);
        if (checkpoint is null)
            return;
        try
        {
            Machine.Restore(checkpoint.Image, backend);
        }
        catch (StateDamagedException damaged)
        {
            throw new InvalidDataException(damaged.Message, damaged);
        }
    }

    private void Apply(in Entry entry)
    {
        ApplyResult result = Machine.Apply(entry.Index, entry.Term, InternalRaftRequest.Parser.ParseFrom(entry.Data.Span));
        Assert.Null(result.Error);
    }
}
