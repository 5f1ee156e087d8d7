using System.Diagnostics.CodeAnalysis;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>
/// Reads the past for all streams together. What one watcher has read is kept for a while for the others that look at the same range, wherever
/// they began: a hundred that come back after a break cost the store one read, and the memory of one. Only so many reads run at a time, and
/// one piece is read by one only; whoever waits for it does not hold a thread. Any thread.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A SemaphoreSlim whose wait handle is never asked for holds nothing.")]
internal sealed class SharedPast(IHistory history, WatchOptions options)
{
    /// <summary>Walks through the history that wait for somebody to go on with them; each may hold some megabytes.</summary>
    private const int RestingCursorsMax = 4;

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _readers = new(options.HistoryReadersMax);
    private readonly LinkedList<PastPiece> _pieces = []; // last used first
    private readonly List<PastCursor> _resting = []; // last used last
    private readonly Dictionary<(WatchRange Range, long Next), TaskCompletionSource> _reading = [];
    private long _bytes;
    private int _users;
    private int _generation;

    /// <summary>Somebody begins to catch up; what is read while there are several is kept until the last one <see cref="Leave"/>s.</summary>
    public void Enter()
    {
        lock (_gate)
            _users++;
    }

    /// <summary>Somebody has caught up, or given up.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            if (--_users == 0)
                ClearUnderLock();
        }
    }

    /// <summary>Forgets everything: the history was replaced.</summary>
    public void Clear()
    {
        lock (_gate)
            ClearUnderLock();
    }

    /// <summary>A piece of the past of a range that begins at or before a revision, which is in the past, and does not end before it.</summary>
    /// <param name="range">The keys.</param>
    /// <param name="next">The revision.</param>
    /// <param name="events">About how many events to read, if something has to be read.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="StateMachine.Errors.EtcdException">Compacted.</exception>
    public async ValueTask<PastPiece> GetAsync(WatchRange range, long next, int events, CancellationToken cancellation)
    {
        while (true)
        {
            if (!TryBegin(range, next, out PastPiece? piece, out TaskCompletionSource reading))
            {
                await reading.Task.WaitAsync(cancellation);
                continue;
            }
            if (piece is not null)
                return piece;
            try
            {
                await _readers.WaitAsync(cancellation);
                try
                {
                    return Read(range, next, events);
                }
                finally
                {
                    _readers.Release();
                }
            }
            finally
            {
                lock (_gate)
                    _reading.Remove((range, next));
                reading.SetResult();
            }
        }
    }

    /// <summary>True with a piece, or without one when the caller is to read it; false when another one is reading it.</summary>
    private bool TryBegin(WatchRange range, long next, out PastPiece? piece, out TaskCompletionSource reading)
    {
        lock (_gate)
        {
            piece = FindUnderLock(range, next);
            if (piece is not null)
            {
                reading = null!;
                return true;
            }
            if (_reading.TryGetValue((range, next), out reading!))
                return false;
            reading = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _reading.Add((range, next), reading);
            return true;
        }
    }

    private PastPiece? FindUnderLock(WatchRange range, long next)
    {
        for (LinkedListNode<PastPiece>? node = _pieces.First; node is not null; node = node.Next)
        {
            if (!node.Value.Serves(range, next))
                continue;
            _pieces.Remove(node);
            _pieces.AddFirst(node);
            return node.Value;
        }
        return null;
    }

    private PastPiece Read(WatchRange range, long next, int events)
    {
        PastCursor cursor = TakeCursor(range, next, out int generation);
        bool goesOn = false;
        try
        {
            PastPiece piece = cursor.Read(events, options);
            goesOn = !cursor.IsAtEnd;
            lock (_gate)
            {
                goesOn &= generation == _generation && _users > 0;
                // Who is alone has nobody to keep it for: it would only grow old and be collected late.
                if (generation == _generation && _users > 1)
                    KeepUnderLock(piece);
                if (goesOn)
                    RestUnderLock(cursor);
            }
            return piece;
        }
        finally
        {
            if (!goesOn)
                cursor.Dispose();
        }
    }

    private PastCursor TakeCursor(WatchRange range, long next, out int generation)
    {
        lock (_gate)
        {
            generation = _generation;
            int place = _resting.FindIndex(cursor => cursor.Next == next && cursor.Range == range);
            if (place >= 0)
            {
                PastCursor found = _resting[place];
                _resting.RemoveAt(place);
                return found;
            }
        }
        return new PastCursor(history, range, next);
    }

    private void RestUnderLock(PastCursor cursor)
    {
        _resting.Add(cursor);
        if (_resting.Count <= RestingCursorsMax)
            return;
        _resting[0].Dispose();
        _resting.RemoveAt(0);
    }

    private void KeepUnderLock(PastPiece piece)
    {
        _pieces.AddFirst(piece);
        _bytes += piece.Bytes;
        while (_pieces.Count > 1 && (_bytes > options.PastBytesMax || _pieces.Count > options.PastPiecesMax))
        {
            _bytes -= _pieces.Last!.Value.Bytes;
            _pieces.RemoveLast();
        }
    }

    private void ClearUnderLock()
    {
        _generation++;
        _pieces.Clear();
        _bytes = 0;
        foreach (PastCursor cursor in _resting)
            cursor.Dispose();
        _resting.Clear();
    }
}
