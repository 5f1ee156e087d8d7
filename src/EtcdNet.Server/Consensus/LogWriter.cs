using EtcdNet.Raft;
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
    private readonly Action<Message> _respond;
    private readonly Action _responded;
    private readonly Mailbox<LogWork> _inbox = new();
    private readonly List<Entry> _toWrite = [];
    private List<LogWork> _batch = [];

    /// <param name="wal">Where to write.</param>
    /// <param name="entries">What Raft reads back; gets the entries once they are durable.</param>
    /// <param name="respond">Takes each answer when its write is durable.</param>
    /// <param name="responded">Called when all answers of a write are given: one wake-up is enough for them.</param>
    public LogWriter(Wal wal, EntryLog entries, Action<Message> respond, Action responded)
    {
        _responded = responded;
        _wal = wal;
        _entries = entries;
        _respond = respond;
    }

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
        HardState? state = null;
        foreach (LogWork work in _batch)
        {
            if (work.Append is not { } message)
                continue;
            if (message.Snapshot is { IsEmpty: false })
                throw new InvalidOperationException("a snapshot of another member cannot be taken in by a cluster of one");
            if (message.HardState is { IsEmpty: false } changed)
                state = changed;
            _toWrite.AddRange(message.Entries);
        }
        // One write and one fdatasync for all of them; nothing at all when only the commit index moved.
        _wal.Save(state, _toWrite);
        _toWrite.Clear();
        foreach (LogWork work in _batch)
            Finish(work);
        _responded();
        return true;
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
