using EtcdNet.Model.Naive;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Server.Services;
using EtcdNet.Server.Watching;
using EtcdNet.Model.Script;
using Google.Protobuf;

namespace EtcdNet.Model.Replicas;

/// <summary>
/// The watchers on one replica, through the real hub and the real streams, and what the list of all versions says they have to see: each change of their
/// range once, in order. They end with the replica's restart.
/// </summary>
internal sealed class Watchers : IDisposable
{
    private readonly NaiveStore _naive;
    private readonly Tally _tally;
    private readonly string _name;
    private readonly LeaderMonitor _monitor;
    private readonly WatchHub _hub;
    private readonly WatchCall[] _calls;
    private readonly Dictionary<long, Watched> _watched = [];
    // Ended by a compaction: their ids stay taken until they are cancelled.
    private readonly HashSet<long> _ended = [];

    internal Watchers(IReplica replica, NaiveStore naive, Tally tally)
    {
        (_naive, _tally, _name) = (naive, tally, replica.Name);
        var headers = new Headers();
        // Small limits, so that watchers fall behind and catch up all the time.
        var options = new WatchOptions { FragmentBytes = 200, QueuedResponsesMax = 4, RecentRevisionsMax = 8, InboxRevisionsMax = 16, CatchUpEventsMax = 7 };
        _hub = new WatchHub(replica.Machine.Store, options);
        replica.Machine.Store.WatchSink = _hub;
        // No call here requires a leader, so nobody asks for one.
        _monitor = new LeaderMonitor(null!, TimeProvider.System, TimeSpan.FromSeconds(1));
        var service = new WatchService(_hub, replica.Machine.Store, headers, _monitor, TimeProvider.System, guard: null, CancellationToken.None);
        _calls = [new WatchCall(service), new WatchCall(service)];
    }

    public void Dispose()
    {
        foreach (WatchCall call in _calls)
            call.Dispose();
        _monitor.Dispose();
    }

    /// <summary>Creates a watcher, or is refused as etcd refuses.</summary>
    internal void Create(WatchCreateRequest create)
    {
        WatchCall call = CallOf(create.WatchId);
        string? refusal = RefusalOf(create);
        call.Send(new WatchRequest { CreateRequest = create });
        WatchResponse answer = Await(call, static response => response.Created);
        if (refusal is not null)
        {
            MismatchException.Unless(answer.Canceled && answer.CancelReason == refusal, () => $"{_name}: watcher refused with '{refusal}' was expected, not {Text.Of(answer)}");
            return;
        }
        MismatchException.Unless(!answer.Canceled && answer.WatchId == create.WatchId, () => $"{_name}: a watcher was expected, not {Text.Of(answer)}");
        if (create.StartRevision > 0 && create.StartRevision < _naive.Compacted)
        {
            answer = Await(call, response => response.WatchId == create.WatchId);
            MismatchException.Unless(
                answer.Canceled && answer.CompactRevision == _naive.Compacted,
                () => $"{_name}: a watcher from compacted revision {create.StartRevision} got {Text.Of(answer)}");
            _ended.Add(create.WatchId);
            return;
        }
        long from = create.StartRevision == 0 ? _naive.Current + 1 : create.StartRevision;
        _watched.Add(create.WatchId, new Watched(create, from) { VagueUntil = _naive.Compacted });
    }

    /// <summary>Waits until every watcher has seen everything, and compares.</summary>
    internal void Check()
    {
        foreach ((long id, Watched watched) in _watched)
        {
            List<Event> expected = [.. Expected(watched)];
            while (watched.Received.Count < expected.Count)
                Route(CallOf(id).Take() ?? throw new MismatchException($"{_name}: watcher {id} got {watched.Received.Count} events in a minute, expected {expected.Count}"));
            for (int i = 0; i < watched.Received.Count; i++)
            {
                Event? wanted = i < expected.Count ? expected[i] : null;
                MismatchException.Unless(
                    watched.Received[i].Equals(wanted),
                    () => $"{_name}: watcher {id}, event {i}: expected {(wanted is null ? "none" : Text.Of(wanted))}, not {Text.Of(watched.Received[i])}");
            }
            _tally.AddEvents(watched.Received.Count);
            watched.Received.Clear();
            watched.Next = Math.Max(watched.Next, _naive.Current + 1);
        }
    }

    /// <summary>A check, after which no watcher has to read the past any more: a compaction cannot overtake it.</summary>
    internal void Settle()
    {
        Check();
        bool settled = SpinWait.SpinUntil(() => _hub.SlowWatcherTotal == 0, TimeSpan.FromMinutes(1));
        MismatchException.Unless(settled, () => $"{_name}: {_hub.SlowWatcherTotal} watchers did not catch up in a minute");
    }

    /// <summary>Ends a watcher after a check; nothing may come behind.</summary>
    internal void Cancel(long id)
    {
        _watched.TryGetValue(id, out Watched? watched);
        if (watched is not null)
            Check();
        CallOf(id).Send(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = id } });
        if (watched is null && !_ended.Remove(id))
            return; // nothing is answered, as etcd does
        WatchResponse answer = Await(CallOf(id), response => response.Canceled);
        MismatchException.Unless(answer.WatchId == id, () => $"{_name}: the end of watcher {id} was expected, not {Text.Of(answer)}");
        if (watched is null)
            return;
        MismatchException.Unless(watched.Received.Count == 0, () => $"{_name}: watcher {id} got an event too many: {Text.Of(watched.Received[0])}");
        _watched.Remove(id);
    }

    /// <summary>Ends all.</summary>
    internal void CancelAll()
    {
        foreach (long id in _watched.Keys.ToList())
            Cancel(id);
    }

    private WatchCall CallOf(long id) => _calls[id % _calls.Length];

    private string? RefusalOf(WatchCreateRequest create)
    {
        bool open = create.RangeEnd.Span is [0];
        if (!create.RangeEnd.IsEmpty && !open && KeyOrder.Instance.Compare(create.Key, create.RangeEnd) >= 0)
            return "mvcc: watcher range is empty";
        return _watched.ContainsKey(create.WatchId) || _ended.Contains(create.WatchId) ? "mvcc: duplicate watch ID provided on the WatchStream" : null;
    }

    private IEnumerable<Event> Expected(Watched watched)
    {
        WatchCreateRequest request = watched.Request;
        foreach (Change change in _naive.Changes(request.Key, request.RangeEnd, watched.Next, _naive.Current))
        {
            var kind = change.Pair is null ? WatchCreateRequest.Types.FilterType.Nodelete : WatchCreateRequest.Types.FilterType.Noput;
            if (request.Filters.Contains(kind) || (change.At.Main <= watched.VagueUntil && IsChangedAgain(change)))
                continue;
            yield return new Event
            {
                Type = change.Pair is null ? Event.Types.EventType.Delete : Event.Types.EventType.Put,
                Kv = change.Pair ?? new KeyValue { Key = change.Key, ModRevision = change.At.Main },
                PrevKv = request.PrevKv && change.At.Main > watched.VagueUntil ? change.Before : null,
            };
        }
    }

    // Of several changes of a key in the compact revision itself only the last one is sure to be there.
    private bool IsChangedAgain(Change change) =>
        _naive.Changes(change.Key, ByteString.Empty, change.At.Main, change.At.Main).Last().At != change.At;

    private WatchResponse Await(WatchCall call, Func<WatchResponse, bool> isIt)
    {
        while (true)
        {
            WatchResponse response = call.Take() ?? throw new MismatchException($"{_name}: a watch call was not answered for a minute");
            if (isIt(response))
                return response;
            Route(response);
        }
    }

    private void Route(WatchResponse response)
    {
        MismatchException.Unless(
            !response.Canceled && !response.Created && _watched.ContainsKey(response.WatchId), () => $"{_name}: unexpected response {Text.Of(response)}");
        Watched watched = _watched[response.WatchId];
        foreach (Event change in response.Events)
        {
            if (change.Kv.ModRevision <= watched.VagueUntil)
                AddVague(watched, change);
            else
                watched.Received.Add(change);
        }
        MismatchException.Unless(
            response.Events.Count == 0 || response.Header.Revision >= response.Events[^1].Kv.ModRevision,
            () => $"{_name}: the header is older than the events in {Text.Of(response)}");
    }

    // The physical compaction may have come to it or not: earlier changes of the same key, and previous pairs, may be there or not.
    private void AddVague(Watched watched, Event change)
    {
        Change last = _naive.Changes(change.Kv.Key, ByteString.Empty, change.Kv.ModRevision, change.Kv.ModRevision).Last();
        if (last.Pair is null != (change.Type == Event.Types.EventType.Delete))
            return;
        change.PrevKv = null;
        watched.Received.Add(change);
    }

    private sealed class Watched(WatchCreateRequest request, long next)
    {
        public WatchCreateRequest Request { get; } = request;

        /// <summary>First revision that was not compared yet.</summary>
        public long Next { get; set; } = next;

        /// <summary>Revision up to which a compaction may show.</summary>
        public long VagueUntil { get; init; }

        public List<Event> Received { get; } = [];
    }

    private sealed class Headers : IHeaderSource
    {
        public ResponseHeader Header(long revision) => new() { Revision = revision };
    }
}
