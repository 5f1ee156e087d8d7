using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>A walk through the past of a range up to the revision that was the newest when it began. Not for several threads at once.</summary>
internal sealed class PastCursor : IDisposable
{
    private readonly IHistoryCursor _cursor;
    private readonly long _end;

    /// <exception cref="InvalidOperationException">The revision is not in the past.</exception>
    /// <exception cref="StateMachine.Errors.EtcdException">Compacted.</exception>
    public PastCursor(IHistory history, WatchRange range, long next)
    {
        (Range, Next, _end) = (range, next, history.CurrentRevision);
        if (_end < next)
            throw new InvalidOperationException($"revision {next} was told but the history ends at {_end}");
        _cursor = history.Open(range.Key, range.RangeEnd, next, _end);
    }

    /// <summary>The keys.</summary>
    public WatchRange Range { get; }

    /// <summary>First revision that was not read.</summary>
    public long Next { get; private set; }

    /// <summary>Nothing is left.</summary>
    public bool IsAtEnd => Next > _end;

    /// <summary>Reads on: whole revisions, about so many events.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">Compacted, when compaction overtook the cursor.</exception>
    public PastPiece Read(int events, WatchOptions options)
    {
        var read = new List<StoreEvent>();
        long last = _cursor.ReadNext(read, events);
        if (last < Next || last > _end)
            throw new InvalidOperationException($"a read from revision {Next} ended at {last}");
        var shared = new WatchEvent[read.Count];
        for (int i = 0; i < shared.Length; i++)
        {
            if (read[i].Revision.Main < Next || read[i].Revision.Main > last)
                throw new InvalidOperationException($"a read of revisions {Next} to {last} brought {read[i].Revision}");
            shared[i] = new WatchEvent(read[i]);
        }
        var piece = new PastPiece(Range, Next, last, _end, shared, isOwner: true, options);
        Next = last + 1;
        return piece;
    }

    /// <inheritdoc/>
    public void Dispose() => _cursor.Dispose();
}
