using EtcdNet.Raft;
using EtcdNet.Server.Snapshots;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// Group commit: takes every write that waits, appends them all to the write-ahead log, makes them durable with one
/// fdatasync, and only then lets the answers go that promise durability (Raft thesis §10.2.1 lets the leader send
/// entries while it writes them itself). A failed write or sync ends the process; it is never tried again, because
/// after a failed fsync nobody knows what is on the disk.
/// </summary>
internal sealed class LogWriter
{
    private readonly Wal _wal;
    private readonly EntryLog _entries;
    private readonly IncomingSnapshots _snapshots;
    private readonly Action<Message> _respond;
    private readonly Action _responded;
    private readonly Mailbox<LogWork> _inbox = new();
    private readonly List<Entry> _toWrite = [];
    private readonly TimeProvider _time;
    private List<LogWork> _batch = [];
    private long _writingSince;

    /// <param name="wal">Where to write.</param>
    /// <param name="entries">What Raft reads back; gets the entries once they are durable.</param>
    /// <param name="snapshots">Where the states of accepted snapshots are.</param>
    /// <param name="respond">Takes each answer when its write is durable.</param>
    /// <param name="responded">Called when all answers of a write are given: one wake-up is enough for them.</param>
    /// <param name="time">Clock.</param>
    public LogWriter(Wal wal, EntryLog entries, IncomingSnapshots snapshots, Action<Message> respond, Action responded, TimeProvider time)
    {
        _time = time;
        _responded = responded;
        _wal = wal;
        _entries = entries;
        _snapshots = snapshots;
        _respond = respond;
    }

    /// <summary>Takes a leader's state that the log counts on from now on; set before anything is appended.</summary>
    public Action<IReceivedState> Install { get; set; } = static _ => throw new InvalidOperationException("no applier");

    /// <summary>When the write that is under way began, in ticks of the clock; 0 for none. Any thread.</summary>
    public long WritingSince => Volatile.Read(ref _writingSince);

    /// <summary>Queues a write of the Raft core.</summary>
    public void Append(Message work) => _inbox.Post(new LogWork(work, 0));

    /// <summary>Queues the removal of segments that no kept checkpoint needs.</summary>
    public void ReleaseBefore(ulong index) => _inbox.Post(new LogWork(null, index));

    /// <summary>Works until <see cref="Stop"/>.</summary>
    public void Run()
    {
        while (_inbox.Wait(Timeout.InfiniteTimeSpan))
            RunOnce();
    }

    /// <summary>Ends <see cref="Run"/> after what is queued.</summary>
    public void Stop() => _inbox.Close();

    /// <summary>Writes everything that waits. False when nothing did.</summary>
    public bool RunOnce()
    {
        if (!_inbox.TryTakeAll(ref _batch))
            return false;
        Volatile.Write(ref _writingSince, _time.GetTimestamp());
        int begin = 0;
        for (int i = 0; i < _batch.Count; i++)
        {
            if (_batch[i].Append?.Snapshot is not { IsEmpty: false })
                continue;
            Write(begin, i);
            WriteSnapshot(_batch[i].Append!);
            begin = i + 1;
        }
        Write(begin, _batch.Count);
        Volatile.Write(ref _writingSince, 0);
        _responded();
        return true;
    }

    /// <summary>One write and one fdatasync for all of them; nothing at all when only the commit index moved.</summary>
    private void Write(int begin, int end)
    {
        if (begin == end)
            return;
        HardState? state = null;
        for (int i = begin; i < end; i++)
        {
            if (_batch[i].Append is not { } message)
                continue;
            if (message.HardState is { IsEmpty: false } changed)
                state = changed;
            _toWrite.AddRange(message.Entries);
        }
        _wal.Save(state, _toWrite);
        _toWrite.Clear();
        for (int i = begin; i < end; i++)
            Finish(_batch[i]);
    }

    /// <summary>
    /// The state first, then the mark by which it counts, then the entries behind it. The mark is synced even when nothing
    /// else has to be: its answer says that the state is here to stay (Raft paper §7).
    /// </summary>
    private void WriteSnapshot(Message message)
    {
        SnapshotMetadata snapshot = message.Snapshot!.Metadata;
        IReceivedState state = _snapshots.Take(snapshot);
        state.MakeDurable();
        HardState hardState = message.HardState is { IsEmpty: false } changed ? changed : _wal.HardState;
        // The commit index on the disk must not be ahead of the entries there.
        _wal.SaveSnapshot(new WalSnapshotMark(snapshot.Index, snapshot.Term), hardState with { Commit = snapshot.Index });
        _wal.Save(hardState with { Commit = Math.Max(hardState.Commit, snapshot.Index) }, message.Entries);
        _entries.Reset(new EntryId(snapshot.Term, snapshot.Index));
        // Before the answers: what Raft hands out for applying because of them has to come behind it.
        Install(state);
        Finish(new LogWork(message, 0));
    }

    private void Finish(in LogWork work)
    {
        if (work.Append is not { } message)
        {
            _wal.ReleaseBefore(work.ReleaseBefore);
            return;
        }
        if (message.Entries.Count > 0)
            _entries.Append(message.Entries);
        IReadOnlyList<Message> responses = message.Responses;
        for (int i = 0; i < responses.Count; i++)
            _respond(responses[i]);
    }

    private readonly record struct LogWork(Message? Append, ulong ReleaseBefore);
}
