using System.Text;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Server.Watching;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Watch;
using Xunit.Abstractions;

namespace EtcdNet.Server.Tests.Watching;

/// <summary>
/// The promise of rule 21 under load: while transactions are committed as fast as possible, clients of every temper come, stop
/// reading for a while, cancel and leave; every watcher sees exactly the events of its range, in order, once.
/// </summary>
public sealed class WatchOrderTests(ITestOutputHelper output)
{
    private const int Writes = 4000;
    private const string LastKey = "zz-last";
    private const long LastId = 1000;
    private const int WatchersPerClient = 20;

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    public async Task No_gap_and_no_repeat_under_concurrent_writes(int seed)
    {
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var options = new WatchOptions
        {
            QueuedResponsesMax = random.Next(1, 64),
            RecentRevisionsMax = random.Next(1, 128),
            InboxRevisionsMax = random.Next(1, 64),
            CatchUpEventsMax = random.Next(1, 50),
            FragmentBytes = 200,
        };
        using var world = new WatchWorld(options);
        world.Store.Put("k0", "first");
        Client[] clients = [.. Enumerable.Range(0, 12).Select(i => new Client(world, new Random(seed + i)))];
        foreach (Client client in clients)
            await client.StartAsync();
        Task writer = Task.Run(() => Write(world, new Random(seed + 1000)));
        await Task.WhenAll(clients.Select(static client => Task.Run(client.RunAsync)));
        await writer;
        output.WriteLine($"{world.Store.Opened} cursors, {world.Hub.EventsTotal} events");
        Assert.True(clients.Sum(static client => client.Checked) > Writes, "the watchers must have seen something");
        await Deadline.UntilAsync(() => world.Hub.WatchStreamTotal == 0, "the streams to end");
        Assert.Equal((0, 0, 0L), (world.Hub.WatcherTotal, world.Hub.SlowWatcherTotal, world.Hub.PendingEventsTotal));
    }

    private static void Write(WatchWorld world, Random random)
    {
        for (int i = 0; i < Writes; i++)
        {
            var changes = new Change[random.Next(8) == 0 ? random.Next(2, 10) : 1];
            for (int j = 0; j < changes.Length; j++)
                changes[j] = new Change($"k{random.Next(10)}", random.Next(5) == 0 ? null : new string('v', random.Next(80)));
            world.Store.Commit(changes);
        }
        world.Store.Put(LastKey, "end");
    }

    /// <summary>Opens watchers at random moments and checks every one to the end of the writes.</summary>
    private sealed class Client(WatchWorld world, Random random)
    {
        private readonly Dictionary<long, Expectation> _open = [];
        private readonly WatchCall _call = world.Open(raw: random.Next(2) == 0);

        private int _created;
        private bool _closed;
        private bool _lastSeen;

        public int Checked { get; private set; }

        /// <summary>Runs until every watcher has seen everything and is cancelled.</summary>
        public async Task RunAsync()
        {
            while (!_lastSeen || _created < WatchersPerClient || !_open.Values.All(static one => one.SeenAll))
            {
                if (_closed && (_call.Responses.Waiting == 0 || random.Next(20) == 0))
                    SetWindow(closed: false);
                Take(await _call.NextAsync());
                if (_created < WatchersPerClient && (_lastSeen || random.Next(20) == 0))
                    Create(_created++);
                if (random.Next(200) == 0 && _open.Count > 2)
                    CancelOne();
                if (random.Next(30) == 0)
                    SetWindow(closed: true);
            }
            SetWindow(closed: false);
            foreach (long id in _open.Where(static one => !one.Value.Canceling).Select(static one => one.Key).ToArray())
                Cancel(id);
            while (_open.Count > 0)
                Take(await _call.NextAsync());
            _call.Leave();
        }

        public async Task StartAsync()
        {
            await _call.CreateAsync(LastKey, set: static request => request.WatchId = LastId);
            while (_created < WatchersPerClient / 4)
                Create(_created++);
        }

        private void SetWindow(bool closed)
        {
            if (_closed == closed)
                return;
            _closed = closed;
            if (closed)
                _call.Responses.CloseWindow();
            else
                _call.Responses.OpenWindow();
        }

        private void Create(long id)
        {
            int kind = random.Next(4);
            string key = $"k{random.Next(10)}";
            string end = kind switch { 0 => "", 1 => "l", 2 => "\0", _ => key + "~" };
            long current = world.Store.CurrentRevision;
            long start = random.Next(3) switch { 0 => 0, 1 => current + random.Next(-3, 4), _ => random.NextInt64(1, current + 1) };
            start = Math.Max(start, 0);
            var filters = (WatchFilters)random.Next(3);
            bool fragment = random.Next(3) == 0;
            bool previous = random.Next(3) == 0;
            var range = new WatchRange(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(end));
            _open.Add(id + 1, new Expectation(world.Store, range, filters, start, fragment, previous));
            _call.Send(key, end, request =>
            {
                request.WatchId = id + 1;
                request.StartRevision = start;
                request.Fragment = fragment;
                request.PrevKv = previous;
                if (filters == WatchFilters.NoPut)
                    request.Filters.Add(WatchCreateRequest.Types.FilterType.Noput);
                if (filters == WatchFilters.NoDelete)
                    request.Filters.Add(WatchCreateRequest.Types.FilterType.Nodelete);
            });
        }

        private void CancelOne()
        {
            KeyValuePair<long, Expectation>[] candidates = [.. _open.Where(static one => !one.Value.Canceling)];
            if (candidates.Length == 0)
                return;
            Cancel(candidates[random.Next(candidates.Length)].Key);
        }

        private void Cancel(long id)
        {
            _open[id].Cancel(_lastSeen);
            _call.SendCancel(id);
        }

        private void Take(WatchResponse response)
        {
            if (response.WatchId == LastId)
            {
                Assert.Equal(LastKey, Assert.Single(response.Events).Kv.Key.ToStringUtf8());
                _lastSeen = true;
                return;
            }
            Expectation expected = _open[response.WatchId];
            if (response.Created)
                expected.Start(response.Header.Revision);
            else if (response.Canceled)
                Finish(response.WatchId, expected);
            else
                Checked += expected.Take(response);
        }

        private void Finish(long id, Expectation expected)
        {
            Assert.True(expected.Canceling, "canceled without a request");
            expected.Check();
            _open.Remove(id);
        }
    }

    /// <summary>What one watcher has to see.</summary>
    private sealed class Expectation(
        FakeStore store, WatchRange range, WatchFilters filters, long start, bool fragment, bool previous)
    {
        private readonly List<Event> _seen = [];
        private long _from = -1;
        private long _lastRevision;
        private bool _more;
        private int _wanted = -1;
        private bool _complete;

        public bool Canceling { get; private set; }

        /// <summary>Asked for when all writes are done.</summary>
        public bool SeenAll => Canceling || SeenAllAtTheEnd;

        private bool SeenAllAtTheEnd
        {
            get
            {
                if (_from < 0)
                    return false;
                if (_wanted < 0)
                    _wanted = store.Expected(_from, Wants).Count;
                return _seen.Count >= _wanted;
            }
        }

        /// <summary>When cancelled after the end of the writes and with everything seen, nothing may come any more.</summary>
        public void Cancel(bool writesDone)
        {
            _complete = writesDone && SeenAllAtTheEnd;
            Canceling = true;
        }

        public void Start(long current)
        {
            Assert.Equal(-1, _from);
            _from = start == 0 ? current + 1 : start;
        }

        public int Take(WatchResponse response)
        {
            Assert.True(_from >= 0, "events before the answer to the create request");
            Assert.NotEmpty(response.Events);
            Assert.True(response.Header.Revision >= response.Events[^1].Kv.ModRevision);
            Assert.True(fragment || !response.Fragment);
            if (!_more)
                Assert.True(response.Events[0].Kv.ModRevision > _lastRevision, "a revision was split or came twice");
            _seen.AddRange(response.Events);
            _lastRevision = response.Events[^1].Kv.ModRevision;
            _more = response.Fragment;
            return response.Events.Count;
        }

        /// <summary>What was seen is what happened, up to the moment of the cancellation.</summary>
        public void Check()
        {
            Assert.False(_more);
            List<StoreEvent> wanted = store.Expected(_from, Wants);
            Assert.True(_seen.Count <= wanted.Count);
            Assert.True(!_complete || _seen.Count == _wanted);
            for (int i = 0; i < _seen.Count; i++)
            {
                StoreEvent expected = wanted[i];
                Assert.Equal((expected.Type, expected.KeyValue), (_seen[i].Type, _seen[i].Kv));
                Assert.Equal(previous && expected.Previous is { } before ? store.Read(before) : null, _seen[i].PrevKv);
            }
        }

        private bool Wants(StoreEvent one)
        {
            WatchFilters unwanted = one.Type == Event.Types.EventType.Put ? WatchFilters.NoPut : WatchFilters.NoDelete;
            return (filters & unwanted) == 0 && range.Contains(one.KeyValue.Key.Span);
        }
    }
}
