using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Watch;

/// <summary>
/// Finds the watchers of an event: a dictionary for single keys, an interval tree for ranges, so the cost of an event
/// grows with the number of its matches and the logarithm of the number of distinct ranges. Not for several threads at once.
/// </summary>
public sealed class WatcherGroup<T>
    where T : Watcher
{
    private readonly Dictionary<ReadOnlyMemory<byte>, Place> _keys = new(KeyComparer.Instance);
    private readonly IntervalTree<Place> _ranges = new();
    private readonly List<Place> _stabbed = [];
    private long _round;

    /// <summary>Number of watchers.</summary>
    public int Count { get; private set; }

    /// <summary>Number of distinct keys and ranges.</summary>
    public int RangeCount => _keys.Count + _ranges.Count;

    /// <summary>Adds a watcher that is in no group.</summary>
    public void Add(T watcher)
    {
        if (watcher.Slot >= 0)
            throw new InvalidOperationException("the watcher is in a group already");
        if (watcher.Range.IsEmpty)
            throw new ArgumentException("the range is empty", nameof(watcher));
        Place? place = Find(watcher.Range);
        if (place is null)
        {
            place = new Place();
            if (watcher.Range.IsSingle)
                _keys.Add(watcher.Range.Key, place);
            else
                _ranges.Add(watcher.Range, place);
        }
        place.Bucket(watcher.Filters).Add(watcher);
        place.Count++;
        Count++;
    }

    /// <summary>Removes a watcher of this group.</summary>
    public void Remove(T watcher)
    {
        Place place = Find(watcher.Range) ?? throw new InvalidOperationException("the watcher is not in this group");
        place.Bucket(watcher.Filters).Remove(watcher);
        Count--;
        if (--place.Count > 0)
            return;
        if (watcher.Range.IsSingle)
            _keys.Remove(watcher.Range.Key);
        else
            _ranges.Remove(watcher.Range);
    }

    /// <summary>
    /// Appends to <paramref name="hits"/> every bucket that matches an event, once, with the places of its events in
    /// <see cref="WatcherBucket{T}.Matched"/>. Order of the buckets is not defined.
    /// </summary>
    public void Match(IReadOnlyList<StoreEvent> events, List<WatcherBucket<T>> hits)
    {
        if (Count == 0)
            return;
        _round++;
        for (int i = 0; i < events.Count; i++)
        {
            ReadOnlyMemory<byte> key = events[i].KeyValue.Key.Memory;
            WatchFilters unwanted = events[i].Type == Event.Types.EventType.Put ? WatchFilters.NoPut : WatchFilters.NoDelete;
            if (_keys.TryGetValue(key, out Place? exact))
                exact.Hit(i, unwanted, _round, hits);
            if (_ranges.Count == 0)
                continue;
            _stabbed.Clear();
            _ranges.Stab(key, _stabbed);
            foreach (Place place in _stabbed)
                place.Hit(i, unwanted, _round, hits);
        }
    }

    private Place? Find(WatchRange range) =>
        range.IsSingle ? _keys.GetValueOrDefault(range.Key) : _ranges.Find(range);

    /// <summary>One key or range, with a bucket for each combination of filters.</summary>
    private sealed class Place
    {
        private readonly WatcherBucket<T>?[] _buckets = new WatcherBucket<T>?[4];

        public int Count { get; set; }

        public WatcherBucket<T> Bucket(WatchFilters filters) => _buckets[(int)filters] ??= new WatcherBucket<T>();

        public void Hit(int place, WatchFilters unwanted, long round, List<WatcherBucket<T>> hits)
        {
            for (int filters = 0; filters < _buckets.Length; filters++)
            {
                if (_buckets[filters] is not { Count: > 0 } bucket || ((WatchFilters)filters & unwanted) != 0)
                    continue;
                if (bucket.StartRound(round))
                    hits.Add(bucket);
                bucket.Matched.Add(place);
            }
        }
    }
}
