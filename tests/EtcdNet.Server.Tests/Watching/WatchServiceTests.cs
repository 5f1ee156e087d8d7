using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Server.Services;
using EtcdNet.Server.Watching;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Watch;
using Filter = EtcdNet.Protocol.Etcdserverpb.WatchCreateRequest.Types.FilterType;

namespace EtcdNet.Server.Tests.Watching;

/// <summary>Rules 21 to 28 of the surface document, one call at a time.</summary>
public sealed class WatchServiceTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_watcher_is_told_puts_and_deletes_as_they_come(bool raw)
    {
        using var world = new WatchWorld();
        world.Store.Put("k", "v0");
        WatchCall call = world.Open(raw);
        WatchResponse created = await call.CreateAsync("k", set: static request => request.PrevKv = true);
        Assert.Equal(new WatchResponse { Header = world.Headers.Header(2), Created = true }, created);

        world.Store.Put("k", "v1");
        world.Store.Put("other", "x");
        world.Store.Delete("k");

        WatchResponse put = await call.NextAsync();
        Assert.Equal(world.Headers.Header(3), put.Header);
        Event first = Assert.Single(put.Events);
        Assert.Equal(Event.Types.EventType.Put, first.Type);
        Assert.Equal(("v1", 2L, 2L), (first.Kv.Value.ToStringUtf8(), first.Kv.CreateRevision, first.Kv.Version));
        Assert.Equal(("v0", 1L), (first.PrevKv.Value.ToStringUtf8(), first.PrevKv.Version));

        WatchResponse deleted = await call.NextAsync();
        Assert.Equal(world.Headers.Header(5), deleted.Header);
        Event second = Assert.Single(deleted.Events);
        Assert.Equal(Event.Types.EventType.Delete, second.Type);
        Assert.Equal(new KeyValue { Key = first.Kv.Key, ModRevision = 5 }, second.Kv);
        Assert.Equal("v1", second.PrevKv.Value.ToStringUtf8());
        await call.NothingMoreAsync();
    }

    [Fact]
    public async Task Previous_pairs_come_only_when_asked_for_and_while_they_exist()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("k");
        await call.CreateAsync("k", set: static request => request.PrevKv = true);
        world.Store.Put("k", "v1");
        Assert.Null((await call.EventsAsync())[0].PrevKv);
        Assert.Null((await call.EventsAsync())[0].PrevKv);
        (long revision, StoreEvent[] events) = world.Store.Store(new Change("k", "v2"));
        world.Store.Compact(revision);
        world.Hub.OnEvents(revision, events);
        Assert.Null((await call.EventsAsync())[0].PrevKv);
        Assert.Null((await call.EventsAsync())[0].PrevKv);
    }

    [Fact]
    public async Task Ids_are_chosen_by_the_server_or_the_client_and_never_twice()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        Assert.Equal(0, (await call.CreateAsync("a")).WatchId);
        Assert.Equal(1, (await call.CreateAsync("a", set: static request => request.WatchId = 1)).WatchId);
        Assert.Equal(2, (await call.CreateAsync("a")).WatchId);
        WatchResponse twice = await call.CreateAsync("a", set: static request => request.WatchId = 1);
        Assert.Equal(
            new WatchResponse
            {
                Header = world.Headers.Header(1),
                WatchId = -1,
                Created = true,
                Canceled = true,
                CancelReason = "mvcc: duplicate watch ID provided on the WatchStream",
            },
            twice);
        Assert.Equal(3, world.Hub.WatcherTotal);
    }

    [Fact]
    public async Task Bad_ranges_and_negative_starts_are_refused_as_the_golden_answers_say()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        WatchResponse negative = await call.CreateAsync("a", set: static request => request.StartRevision = -1);
        Assert.Equal((-1, true), (negative.WatchId, negative.Canceled));
        Assert.Equal("etcdserver: mvcc: required revision has been compacted", negative.CancelReason);
        Assert.Equal(0, negative.CompactRevision);
        WatchResponse empty = await call.CreateAsync("b", "a");
        Assert.Equal((-1, true), (empty.WatchId, empty.Canceled));
        Assert.Equal("mvcc: watcher range is empty", empty.CancelReason);
        Assert.Equal(0, world.Hub.WatcherTotal);
    }

    [Fact]
    public async Task A_start_in_the_past_brings_history_and_then_live_events()
    {
        using var world = new WatchWorld();
        for (int i = 2; i <= 9; i++)
            world.Store.Put("k", $"v{i}");
        WatchCall call = world.Open();
        WatchResponse created = await call.CreateAsync("k", set: static request => request.StartRevision = 4);
        Assert.Equal(9, created.Header.Revision);
        WatchResponse past = await call.NextAsync();
        Assert.Equal([4, 5, 6, 7, 8, 9], past.Events.Select(static one => one.Kv.ModRevision));
        Assert.Equal(9, past.Header.Revision);
        world.Store.Put("k", "live");
        Assert.Equal(10, (await call.EventsAsync())[0].Kv.ModRevision);
    }

    [Fact]
    public async Task A_start_in_the_future_waits_for_it()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("k", set: static request => request.StartRevision = 4);
        for (int i = 2; i <= 5; i++)
            world.Store.Put("k", $"v{i}");
        Assert.Equal(4, (await call.EventsAsync())[0].Kv.ModRevision);
        Assert.Equal(5, (await call.EventsAsync())[0].Kv.ModRevision);
    }

    [Fact]
    public async Task A_revision_that_readers_see_but_that_is_not_told_yet_is_in_the_past_of_a_new_watcher()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        (long revision, StoreEvent[] events) = world.Store.Store(new Change("k", "seen"));
        Assert.Equal(revision, (await call.CreateAsync("k")).Header.Revision);
        await call.CreateAsync("k", set: request => request.StartRevision = revision);
        world.Hub.OnEvents(revision, events);
        WatchResponse told = await call.NextAsync();
        Assert.Equal((1, revision), (told.WatchId, told.Events[0].Kv.ModRevision));
        await call.NothingMoreAsync();
    }

    [Fact]
    public async Task All_events_of_a_transaction_come_in_one_response_in_their_order()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("a", "c");
        world.Store.Commit(new("b", "1"), new("z", "2"), new("a", "3"), new("b", null));
        List<Event> events = await call.EventsAsync();
        Assert.Equal(["b", "a", "b"], events.Select(static one => one.Kv.Key.ToStringUtf8()));
    }

    [Fact]
    public async Task Filters_leave_out_puts_or_deletes_live_and_past()
    {
        using var world = new WatchWorld();
        world.Store.Put("k", "1");
        world.Store.Delete("k");
        WatchCall call = world.Open();
        await call.CreateAsync("k", set: static request => From1Without(request, Filter.Noput));
        Assert.Equal(Event.Types.EventType.Delete, Assert.Single(await call.EventsAsync()).Type);
        await call.CreateAsync("k", set: static request => From1Without(request, Filter.Nodelete));
        Assert.Equal(Event.Types.EventType.Put, Assert.Single(await call.EventsAsync()).Type);
        world.Store.Put("k", "2");
        Assert.Equal(1, (await call.NextAsync()).WatchId);
        world.Store.Delete("k");
        Assert.Equal(0, (await call.NextAsync()).WatchId);
        await call.NothingMoreAsync();
    }

    [Fact]
    public async Task Cancel_ends_a_watcher_and_an_unknown_id_is_ignored()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("k");
        call.SendCancel(99);
        call.SendCancel(0);
        Assert.Equal(new WatchResponse { Header = world.Headers.Header(1), Canceled = true }, await call.NextAsync());
        world.Store.Put("k", "unseen");
        await call.NothingMoreAsync();
        Assert.Equal(0, world.Hub.WatcherTotal);
    }

    [Fact]
    public async Task A_compacted_start_is_created_and_then_canceled_with_the_compact_revision()
    {
        using var world = new WatchWorld();
        for (int i = 2; i <= 6; i++)
            world.Store.Put("k", $"v{i}");
        world.Store.Compact(4);
        WatchCall call = world.Open();
        Assert.False((await call.CreateAsync("k", set: static request => request.StartRevision = 2)).Canceled);
        Assert.Equal(
            new WatchResponse { Header = world.Headers.Header(0), Canceled = true, CompactRevision = 4 }, await call.NextAsync());
        await call.CreateAsync("k", set: static request => request.StartRevision = 4);
        Assert.Equal([4, 5, 6], (await call.EventsAsync()).Select(static one => one.Kv.ModRevision));
        Assert.Equal(1, world.Hub.WatcherTotal);
    }

    [Fact]
    public async Task The_id_of_a_watcher_that_a_compaction_ended_stays_taken_until_it_is_cancelled()
    {
        using var world = new WatchWorld();
        for (int i = 0; i < 5; i++)
            world.Store.Put("a", $"{i}");
        world.Store.Compact(4);
        WatchCall call = world.Open();
        await call.CreateAsync("a", set: static request => (request.WatchId, request.StartRevision) = (7, 2));
        Assert.Equal(4, (await call.NextAsync()).CompactRevision);
        WatchResponse again = await call.CreateAsync("a", set: static request => request.WatchId = 7);
        Assert.Equal("mvcc: duplicate watch ID provided on the WatchStream", again.CancelReason);
        call.SendCancel(7);
        WatchResponse cancelled = await call.NextAsync();
        Assert.Equal((true, 7L, 0L), (cancelled.Canceled, cancelled.WatchId, cancelled.CompactRevision));
        Assert.False((await call.CreateAsync("a", set: static request => request.WatchId = 7)).Canceled);
    }

    [Fact]
    public async Task Half_close_keeps_the_watchers()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("k");
        call.Requests.HalfClose();
        world.Store.Put("k", "v");
        Assert.Single(await call.EventsAsync());
        Assert.False(call.Ended.IsCompleted);
    }

    [Theory]
    [InlineData("leave", GrpcStatus.Canceled, "etcdserver: watch canceled")]
    [InlineData("stop", GrpcStatus.Unavailable, "etcdserver: server stopped")]
    public async Task The_end_of_a_stream_removes_its_watchers(string how, GrpcStatus code, string text)
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("k");
        await call.CreateAsync("k", "l", static request => request.ProgressNotify = true);
        Assert.Equal((2, 1), (world.Hub.WatcherTotal, world.Hub.WatchStreamTotal));
        // It is started behind the answer.
        await Deadline.UntilAsync(() => world.Time.ActiveTimers == 1, "the timer of progress");
        if (how == "leave")
            call.Leave();
        else
            await world.Stopping.CancelAsync();
        var ended = await Assert.ThrowsAsync<EtcdException>(() => call.Ended.WaitAsync(Deadline.Limit));
        Assert.Equal((code, text), (ended.Code, ended.Message));
        Assert.Equal((0, 0, 0), (world.Hub.WatcherTotal, world.Hub.WatchStreamTotal, world.Time.ActiveTimers));
        world.Store.Put("k", "nobody");
    }

    [Fact]
    public async Task A_client_that_cannot_be_written_to_ends_its_stream()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("k");
        call.Responses.Failure = new IOException("gone");
        world.Store.Put("k", "v");
        await Assert.ThrowsAsync<IOException>(() => call.Ended.WaitAsync(Deadline.Limit));
        Assert.Equal(0, world.Hub.WatchStreamTotal);
    }

    [Fact]
    public async Task A_request_stream_that_fails_ends_the_call_with_its_error()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        await call.CreateAsync("k");
        call.Requests.Fail(new IOException("reset"));
        await Assert.ThrowsAsync<IOException>(() => call.Ended.WaitAsync(Deadline.Limit));
        Assert.Equal(0, world.Hub.WatcherTotal);
    }

    [Fact]
    public async Task Streams_that_require_a_leader_end_after_three_election_timeouts_without()
    {
        using var world = new WatchWorld();
        WatchCall requiring = world.Open(requireLeader: true);
        WatchCall patient = world.Open();
        await requiring.CreateAsync("k");
        await patient.CreateAsync("k");
        ConsensusStatusWithLeader(world, 0);
        world.Time.Advance(TimeSpan.FromSeconds(2));
        ConsensusStatusWithLeader(world, 1);
        world.Time.Advance(TimeSpan.FromSeconds(1));
        ConsensusStatusWithLeader(world, 0);
        world.Time.Advance(TimeSpan.FromSeconds(2));
        await requiring.NothingMoreAsync();
        world.Time.Advance(TimeSpan.FromSeconds(1));
        var ended = await Assert.ThrowsAsync<EtcdException>(() => requiring.Ended.WaitAsync(Deadline.Limit));
        Assert.Equal(EtcdError.NoLeader.Message, ended.Message);
        await patient.NothingMoreAsync();
        WatchCall late = world.Open(requireLeader: true);
        await Assert.ThrowsAsync<EtcdException>(() => late.Ended.WaitAsync(Deadline.Limit));
        Assert.Equal(0, world.Time.ActiveTimers);
    }

    [Fact]
    public async Task The_guard_refuses_with_a_Go_status_text_and_sees_normalised_ranges()
    {
        var guard = new Guard();
        using var world = new WatchWorld(guard: guard);
        WatchCall call = world.Open();
        guard.Refusal = EtcdError.UserEmpty;
        WatchResponse refused = await call.CreateAsync("a");
        Assert.Equal((-1, true), (refused.WatchId, refused.Canceled));
        Assert.Equal("rpc error: code = InvalidArgument desc = etcdserver: user name is empty", refused.CancelReason);
        guard.Refusal = null;
        Assert.False((await call.CreateAsync("", "\0")).Canceled);
        Assert.True(guard.Asked.IsOpenEnded);
        Assert.Equal([0], guard.Asked.Key.ToArray());
    }

    [Fact]
    public async Task An_empty_request_is_ignored()
    {
        using var world = new WatchWorld();
        WatchCall call = world.Open();
        call.Requests.Send(new WatchRequest());
        await call.NothingMoreAsync();
    }

    private static void From1Without(WatchCreateRequest request, Filter filter)
    {
        request.StartRevision = 2;
        request.Filters.Add(filter);
    }

    private static void ConsensusStatusWithLeader(WatchWorld world, ulong leader) =>
        world.Consensus.Current = world.Consensus.Current with { Leader = leader };

    private sealed class Guard : IWatchGuard
    {
        public EtcdError? Refusal { get; set; }

        public WatchRange Asked { get; private set; }

        public ValueTask CheckAsync(CallContext context, WatchRange range)
        {
            Asked = range;
            return Refusal is null ? ValueTask.CompletedTask : throw Refusal.ToException();
        }
    }
}
