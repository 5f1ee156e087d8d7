using EtcdNet.Conformance.Semantics;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential;

/// <summary>
/// The same watchers on both servers. One watcher sees everything; from its events it is known how many each other watcher has to get, so that nothing has
/// to be waited for that does not come.
/// </summary>
internal sealed class WatchPair : IDisposable
{
    private const long Everything = 1000;
    private static readonly ByteString _zero = ByteString.CopyFrom(0);
    private readonly WatchSide _left;
    private readonly WatchSide _right;
    private readonly List<Event> _all = [];
    // Those that a compaction ended. Their ids stay taken until they are cancelled as well.
    private readonly HashSet<long> _ended = [];
    private readonly Dictionary<long, (WatchCreateRequest Request, long From)> _watchers = [];

    /// <summary>Opens the calls; <see cref="StartAsync"/> comes next.</summary>
    internal WatchPair(EtcdClient left, EtcdClient right) => (_left, _right) = (new WatchSide(left, "etcd"), new WatchSide(right, "the tested server"));

    /// <summary>Events that were compared.</summary>
    public long Events { get; private set; }

    /// <summary>Watchers that were made, refused ones included.</summary>
    public int Created { get; private set; }

    /// <summary>Messages that the tested server sent in parts.</summary>
    public int Fragments => _right.Fragments;

    /// <summary>The highest revision that a watcher waits for.</summary>
    public long HighestStart => _watchers.Values.Select(static watcher => watcher.Request.StartRevision).DefaultIfEmpty(0).Max();

    /// <inheritdoc/>
    public void Dispose()
    {
        _left.Dispose();
        _right.Dispose();
    }

    /// <summary>Creates the watcher that sees everything that can still be asked for.</summary>
    internal async Task StartAsync(long compacted)
    {
        var create = new WatchCreateRequest { Key = _zero, RangeEnd = _zero, WatchId = Everything, PrevKv = true, StartRevision = compacted + 1 };
        _left.Send(new WatchRequest { CreateRequest = create });
        _right.Send(new WatchRequest { CreateRequest = create });
        await AssertSameAsync();
    }

    /// <summary>Creates or cancels a watcher on both.</summary>
    internal async Task SendAsync(WatchRequest request, long revision, long compacted)
    {
        if (request.CancelRequest is { } cancel)
        {
            await CancelAsync(cancel.WatchId, revision);
            return;
        }

        _left.Send(request);
        _right.Send(request);
        // When progress is told depends on how far the watchers are; a request with nothing in it is passed over.
        if (request.CreateRequest is not { } create)
            return;
        Created++;
        WatchResponse answer = await AssertSameAsync();
        if (answer.Canceled)
            return;
        if (create.StartRevision > 0 && create.StartRevision < compacted)
        {
            Assert.True((await AssertSameAsync()).Canceled);
            _ended.Add(answer.WatchId);
        }
        else
        {
            _watchers.Add(answer.WatchId, (create, create.StartRevision == 0 ? revision + 1 : create.StartRevision));
        }
    }

    /// <summary>Waits until every watcher has got everything up to a revision, and compares.</summary>
    internal async Task CheckAsync(long revision)
    {
        bool IsThere(List<Event> events) => (events.Count > 0 ? events[^1] : _all.Count > 0 ? _all[^1] : null)?.Kv.ModRevision >= revision;
        if (revision > 1)
        {
            await _left.UntilAsync(Everything, IsThere);
            await _right.UntilAsync(Everything, IsThere);
            // A call that waits, a campaign for instance, may have written something that nobody has been told yet.
            await EqualAsync(Everything);
        }

        _all.AddRange(_left.EventsOf(Everything));
        Compare(Everything);
        foreach ((long id, (WatchCreateRequest request, long from)) in _watchers.ToList())
        {
            int count = _all.Count(change => IsFor(request, from, change));
            // A lease may end meanwhile: then both get more than was there when the count was taken.
            await _left.UntilAsync(id, events => events.Count >= Math.Max(count, _right.EventsOf(id).Count));
            await EqualAsync(id);
            long last = _left.EventsOf(id).Select(static change => change.Kv.ModRevision).LastOrDefault();
            Compare(id);
            _watchers[id] = (request, Math.Max(from, Math.Max(revision, last) + 1));
        }
    }

    // What has come to one of them comes to the other as well.
    private async Task EqualAsync(long id)
    {
        while (_left.EventsOf(id).Count != _right.EventsOf(id).Count)
        {
            await _right.UntilAsync(id, events => events.Count >= _left.EventsOf(id).Count);
            await _left.UntilAsync(id, events => events.Count >= _right.EventsOf(id).Count);
        }
    }

    /// <summary>A check, after which a compaction overtakes no watcher.</summary>
    internal async Task SettleAsync(long revision)
    {
        // While such an id is taken etcd tells no progress.
        foreach (long id in _ended.ToList())
            await CancelAsync(id, revision);
        await CheckAsync(revision);
        await Task.WhenAll(_left.SettleAsync(revision), _right.SettleAsync(revision));
    }

    /// <summary>Forgets events that no watcher can ask for any more.</summary>
    internal void Compact(long revision) => _all.RemoveAll(change => change.Kv.ModRevision < revision && change != _all[^1]);

    /// <summary>Ends all watchers; nothing may come behind their events.</summary>
    internal async Task EndAsync(long revision)
    {
        foreach (long id in _watchers.Keys.ToList())
            await CancelAsync(id, revision);
    }

    private static bool IsFor(WatchCreateRequest request, long from, Event change)
    {
        var kind = change.Type == Event.Types.EventType.Put ? WatchCreateRequest.Types.FilterType.Noput : WatchCreateRequest.Types.FilterType.Nodelete;
        return change.Kv.ModRevision >= from && !request.Filters.Contains(kind) && Contains(request, change.Kv.Key);
    }

    private static bool Contains(WatchCreateRequest request, ByteString key)
    {
        // An empty key stands for the smallest one.
        ReadOnlySpan<byte> first = request.Key.IsEmpty ? _zero.Span : request.Key.Span;
        if (request.RangeEnd.IsEmpty)
            return key.Span.SequenceEqual(first);
        return key.Span.SequenceCompareTo(first) >= 0 && (request.RangeEnd.Span is [0] || key.Span.SequenceCompareTo(request.RangeEnd.Span) < 0);
    }

    private async Task CancelAsync(long id, long revision)
    {
        await CheckAsync(revision);
        var cancel = new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = id } };
        _left.Send(cancel);
        _right.Send(cancel);
        if (!_watchers.Remove(id) && !_ended.Remove(id))
            return; // nothing is answered
        await AssertSameAsync();
        Compare(id);
    }

    private async Task<WatchResponse> AssertSameAsync()
    {
        WatchResponse expected = await _left.ControlAsync();
        WatchResponse answered = await _right.ControlAsync();
        Normal.Clear(expected.Header);
        Normal.Clear(answered.Header);
        Assert.True(expected.Equals(answered), $"\n  etcd:   {ReadableJson.Format(expected)}\n  tested: {ReadableJson.Format(answered)}");
        return expected;
    }

    private void Compare(long id)
    {
        (List<Event> expected, List<Event> answered) = (_left.EventsOf(id), _right.EventsOf(id));
        for (int i = 0; i < Math.Max(expected.Count, answered.Count); i++)
        {
            string Show(List<Event> events) => i < events.Count ? ReadableJson.Format(events[i]) : "nothing";
            bool same = i < expected.Count && i < answered.Count && expected[i].Equals(answered[i]);
            Assert.True(same, $"watcher {id}, event {i}\n  etcd:   {Show(expected)}\n  tested: {Show(answered)}");
        }

        Events += answered.Count;
        expected.Clear();
        answered.Clear();
    }
}
