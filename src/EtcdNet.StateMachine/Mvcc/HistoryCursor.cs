using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Mvcc.Index;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// Walks through the events of a key range in revision order. The revisions are collected from the index, the oldest
/// <paramref name="windowSize"/> of what is left at a time, so that a long history costs a bounded amount of memory.
/// </summary>
internal sealed class HistoryCursor(
    MvccStore store, RecordReader records, KeyRange range, long from, long to, int windowSize = HistoryCursor.DefaultWindowSize)
    : IHistoryCursor
{
    /// <summary>About 5 MiB while a window is open, twice that while it is collected.</summary>
    public const int DefaultWindowSize = 65_536;

    private List<Change> _window = [];
    private int _next;
    private long _windowFrom = from;
    private long _windowEnd = from - 1;

    /// <inheritdoc/>
    public long ReadNext(List<StoreEvent> events, int maxEvents)
    {
        int start = events.Count;
        long done = _windowFrom - 1;
        while (events.Count - start < maxEvents)
        {
            if (_next == _window.Count)
            {
                done = _windowEnd;
                if (done >= to)
                    return to;
                FillWindow();
                continue;
            }
            done = ReadRevision(events);
        }
        return _next == _window.Count && _windowEnd >= to ? to : done;
    }

    /// <inheritdoc/>
    public void Dispose() => _window = [];

    private long ReadRevision(List<StoreEvent> events)
    {
        long main = _window[_next].Version.Main;
        int before = events.Count;
        try
        {
            for (int i = _next; i < _window.Count && _window[i].Version.Main == main; i++)
                events.Add(Read(_window[i]));
        }
        catch (RecordMissingException missing)
        {
            events.RemoveRange(before, events.Count - before);
            // At the compact revision itself only the newest change of a key stays.
            throw store.Explain(missing, main - 1);
        }
        _next += events.Count - before;
        _windowFrom = main + 1;
        return main;
    }

    private StoreEvent Read(in Change change)
    {
        KeyVersion version = change.Version;
        if (version.IsTombstone)
        {
            var gone = new KeyValue { Key = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(change.Item.Key), ModRevision = version.Main };
            return new StoreEvent(version.Revision, Event.Types.EventType.Delete, gone, change.Previous);
        }
        return new StoreEvent(version.Revision, Event.Types.EventType.Put, records.Read(change.Item, version), change.Previous);
    }

    /// <summary>Collects the oldest changes after what was read, up to the window's size, whole revisions only.</summary>
    private void FillWindow()
    {
        long first = _windowEnd + 1;
        ReadView view = store.View;
        var collector = new Collector(first, to, windowSize);
        IndexReader.Visit(view.Root, range, ref collector);
        store.ThrowIfCompacted(first);
        _window = collector.Result(out long end);
        _windowEnd = end;
        _windowFrom = first;
        _next = 0;
    }

    private readonly record struct Change(KeyHistory Item, KeyVersion Version, Revision? Previous);

    private struct Collector(long from, long to, int windowSize) : IKeyVisitor
    {
        private readonly List<Change> _changes = [];
        private int _cutAt = 2 * windowSize;
        private long _to = to;

        public bool Visit(KeyHistory item)
        {
            KeyHistory.VersionList versions = item.Versions;
            int last = versions.LastAtOrBefore(_to);
            for (int i = last; i >= 0; i--)
            {
                KeyVersion version = versions[i];
                if (version.Main < from)
                    break;
                _changes.Add(new Change(item, version, versions.PairBefore(i)));
            }
            if (_changes.Count >= _cutAt)
                Cut();
            return true;
        }

        public List<Change> Result(out long end)
        {
            Cut();
            end = _to;
            return _changes;
        }

        /// <summary>Sorts, and when there is too much drops the newest, whole revisions.</summary>
        private void Cut()
        {
            _changes.Sort(static (left, right) => left.Version.Revision.CompareTo(right.Version.Revision));
            if (_changes.Count <= windowSize)
                return;
            // One revision may be larger than the window; it is kept whole.
            long end = _changes[windowSize - 1].Version.Main;
            int keep = _changes.FindLastIndex(change => change.Version.Main <= end) + 1;
            _changes.RemoveRange(keep, _changes.Count - keep);
            _to = end;
            _cutAt = Math.Max(_cutAt, 2 * _changes.Count);
        }
    }
}
