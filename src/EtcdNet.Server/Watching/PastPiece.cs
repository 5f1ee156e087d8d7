using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>
/// The events of a range from one revision to another, both included, as all watchers that need them get them: what is sent is made once. Any thread.
/// </summary>
internal sealed class PastPiece
{
    private readonly WatchEvent[] _events;
    private readonly WatchOptions _options;
    private readonly bool _isOwner;
    // By filters: what they leave over, in responses.
    private readonly EventSlice[]?[] _slices = new EventSlice[(int)(WatchFilters.NoPut | WatchFilters.NoDelete) + 1][];

    /// <param name="range">The keys.</param>
    /// <param name="from">First revision looked at.</param>
    /// <param name="to">Last revision looked at; there may be no event of it.</param>
    /// <param name="headerRevision">Newest revision that was known when this was read.</param>
    /// <param name="events">Every event in between; kept.</param>
    /// <param name="isOwner">The events are in no other piece or batch.</param>
    /// <param name="options">Limits of a response.</param>
    public PastPiece(WatchRange range, long from, long to, long headerRevision, WatchEvent[] events, bool isOwner, WatchOptions options)
    {
        (Range, From, To, HeaderRevision) = (range, from, to, headerRevision);
        (_events, _isOwner, _options) = (events, isOwner, options);
        foreach (WatchEvent one in events)
            Bytes += one.ApproximateSize;
    }

    /// <summary>The keys.</summary>
    public WatchRange Range { get; }

    /// <summary>First revision looked at.</summary>
    public long From { get; }

    /// <summary>Last revision looked at.</summary>
    public long To { get; }

    /// <summary>For the headers of the responses.</summary>
    public long HeaderRevision { get; }

    /// <summary>Number of events.</summary>
    public int Count => _events.Length;

    /// <summary>Memory that the events keep alive, roughly.</summary>
    public long Bytes { get; }

    /// <summary>A watcher of this range that needs everything from <paramref name="next"/> on finds the beginning of it here.</summary>
    public bool Serves(WatchRange range, long next) => From <= next && next <= To && Range == range;

    /// <summary>What watchers with these filters get from <paramref name="next"/> on, a response each; whole revisions.</summary>
    public EventSlice[] Responses(WatchFilters filters, long next)
    {
        if (next > From)
            return Cut(filters, next);
        ref EventSlice[]? cached = ref _slices[(int)filters];
        return Volatile.Read(ref cached) ?? Interlocked.CompareExchange(ref cached, Cut(filters, next), null) ?? cached;
    }

    private EventSlice[] Cut(WatchFilters filters, long next)
    {
        WatchEvent[] wanted = filters == WatchFilters.None && next <= From
            ? _events
            : Array.FindAll(_events, one => one.Revision >= next && (filters & FilterOf(one.Source)) == 0);
        var slices = new List<EventSlice>(1);
        for (int first = 0; first < wanted.Length;)
        {
            int count = CountWholeRevisions(wanted, first);
            slices.Add(new EventSlice(wanted.AsSpan(first, count).ToArray(), keepsSingleBytes: !_isOwner));
            first += count;
        }
        return [.. slices];
    }

    private static WatchFilters FilterOf(StoreEvent source) =>
        source.Type == Protocol.Mvccpb.Event.Types.EventType.Put ? WatchFilters.NoPut : WatchFilters.NoDelete;

    /// <summary>How many events from <paramref name="first"/> on go into one response; a revision is never cut.</summary>
    private int CountWholeRevisions(WatchEvent[] events, int first)
    {
        long bytes = 0;
        int end = first;
        while (end < events.Length)
        {
            bool newRevision = end > first && events[end].Revision != events[end - 1].Revision;
            if (newRevision && (end - first >= _options.CatchUpEventsMax || bytes >= _options.CatchUpBytesMax))
                break;
            bytes += events[end].ApproximateSize;
            end++;
        }
        return end - first;
    }
}
