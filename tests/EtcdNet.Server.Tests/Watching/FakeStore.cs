using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using Google.Protobuf;

namespace EtcdNet.Server.Tests.Watching;

/// <summary>One change of a transaction; a null value deletes.</summary>
internal readonly record struct Change(string Key, string? Value);

/// <summary>A history in memory: every event since revision 2, and a sink that is told like the applier does it.</summary>
internal sealed class FakeStore : IHistory
{
    private readonly Lock _gate = new();
    private readonly List<StoreEvent[]> _revisions = [];
    private readonly Dictionary<string, StoreEvent> _live = [];
    private int _opened;

    public IWatchSink? Sink { get; set; }

    /// <summary>Runs in every read of a cursor, on the reader's thread.</summary>
    public Action? BeforeRead { get; set; }

    public int Opened => Volatile.Read(ref _opened);

    public long CurrentRevision
    {
        get
        {
            lock (_gate)
                return _revisions.Count + 1;
        }
    }

    public long CompactRevision { get; private set; }

    public long Put(string key, string value) => Commit(new Change(key, value));

    public long Delete(string key) => Commit(new Change(key, null));

    /// <summary>Applies a transaction and tells the sink.</summary>
    public long Commit(params Change[] changes)
    {
        (long revision, StoreEvent[] events) = Store(changes);
        Sink?.OnEvents(revision, events);
        return revision;
    }

    /// <summary>Makes a revision visible without telling anybody.</summary>
    public (long Revision, StoreEvent[] Events) Store(params Change[] changes)
    {
        lock (_gate)
        {
            long revision = _revisions.Count + 2;
            var events = new StoreEvent[changes.Length];
            for (int i = 0; i < events.Length; i++)
                events[i] = Apply(new Revision(revision, i), changes[i]);
            _revisions.Add(events);
            return (revision, events);
        }
    }

    public void Compact(long revision)
    {
        lock (_gate)
            CompactRevision = revision;
    }

    /// <summary>All events that a predicate wants, from a revision on.</summary>
    public List<StoreEvent> Expected(long from, Func<StoreEvent, bool> wanted)
    {
        lock (_gate)
            return [.. _revisions.SelectMany(static events => events).Where(one => one.Revision.Main >= from && wanted(one))];
    }

    public IHistoryCursor Open(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> rangeEnd, long from, long to)
    {
        Interlocked.Increment(ref _opened);
        Check(from);
        return new Cursor(this, new StateMachine.Watch.WatchRange(key, rangeEnd), from, to);
    }

    public KeyValue? Read(Revision revision)
    {
        lock (_gate)
        {
            if (revision.Main < CompactRevision)
                return null;
            StoreEvent found = _revisions[(int)revision.Main - 2][revision.Sub];
            return found.Type == Event.Types.EventType.Put ? found.KeyValue : null;
        }
    }

    private void Check(long from)
    {
        if (from < CompactRevision)
            throw EtcdError.Compacted.ToException();
    }

    private StoreEvent Apply(Revision revision, Change change)
    {
        StoreEvent? before = _live.GetValueOrDefault(change.Key);
        KeyValue? old = before?.KeyValue;
        var pair = new KeyValue { Key = ByteString.CopyFromUtf8(change.Key), ModRevision = revision.Main };
        if (change.Value is null)
        {
            _live.Remove(change.Key);
            return new StoreEvent(revision, Event.Types.EventType.Delete, pair, before?.Revision);
        }
        pair.Value = ByteString.CopyFromUtf8(change.Value);
        pair.CreateRevision = old?.CreateRevision ?? revision.Main;
        pair.Version = (old?.Version ?? 0) + 1;
        var put = new StoreEvent(revision, Event.Types.EventType.Put, pair, before?.Revision);
        _live[change.Key] = put;
        return put;
    }

    private sealed class Cursor(FakeStore store, StateMachine.Watch.WatchRange range, long from, long to) : IHistoryCursor
    {
        private long _next = Math.Max(from, 2); // no event is older

        public long ReadNext(List<StoreEvent> events, int maxEvents)
        {
            store.BeforeRead?.Invoke();
            lock (store._gate)
            {
                store.Check(_next);
                int start = events.Count;
                while (_next <= to && events.Count - start < maxEvents)
                {
                    foreach (StoreEvent one in store._revisions[(int)_next - 2])
                    {
                        if (range.Contains(one.KeyValue.Key.Span))
                            events.Add(one);
                    }
                    _next++;
                }
                return Math.Min(_next - 1, to);
            }
        }

        public void Dispose()
        {
        }
    }
}
